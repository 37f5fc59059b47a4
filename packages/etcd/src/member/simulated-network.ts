import type { Process, Random } from '@coracle/kernel';
import type { NodeId } from '@coracle/raft';
import type { Envelope, PeerReceiver, PeerTransport } from './peer-transport.ts';

/** What becomes of what is sent, in parts of a thousand, and how long it takes at most. */
export interface NetworkFaults {
  readonly lostPerMille: number;
  readonly doubledPerMille: number;
  readonly maxDelayMs: number;
}

const none: NetworkFaults = { lostPerMille: 0, doubledPerMille: 0, maxDelayMs: 1 };

interface Station {
  readonly process: Process;
  readonly receiver: PeerReceiver;
}

/** Messages on their way to one member, at most: what is beyond is lost. */
const maxInFlight = 4096;

/**
 * A network between members of one program: it loses, doubles, delays, reorders and cuts as it is told. For simulations, and for
 * showing people what a cut does.
 */
export class SimulatedNetwork {
  readonly #random: Random;
  readonly #stations = new Map<NodeId, Station>();
  readonly #inFlight = new Map<NodeId, number>();
  /** Directions that are cut: `from>to`. */
  readonly #cut = new Set<string>();
  /** Directions that are slow, and by how many ms at most. */
  readonly #slow = new Map<string, number>();
  faults: NetworkFaults = none;
  sent = 0;

  /** What a member says of its connection to another: by default that it always held. */
  connectedSinceMs: (from: NodeId, to: NodeId) => number | undefined = () => Number.NEGATIVE_INFINITY;

  constructor(options: { readonly random: Random }) {
    this.#random = options.random;
  }

  /** The transport of member `id`, which lives in `process`. */
  transport(process: Process, id: NodeId): PeerTransport {
    let station: Station | undefined;
    return {
      start: (receiver) => {
        station = { process, receiver };
        this.#stations.set(id, station);
      },
      send: (envelope) => this.#send(envelope),
      sendSnapshot: (envelope, content) => this.#sendSnapshot(process, envelope, content),
      setPeers: () => {},
      connectedSinceMs: (to) => this.connectedSinceMs(id, to),
      close: async () => {
        if (station !== undefined && this.#stations.get(id) === station) this.#stations.delete(id);
      },
    };
  }

  /** Members of different sides hear each other no more; those of no side hear everybody. */
  partition(...sides: readonly (readonly NodeId[])[]): void {
    for (const side of sides) {
      for (const other of sides) {
        if (side === other) continue;
        for (const from of side) for (const to of other) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  /** Nothing that `from` sends reaches `to`. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** What `from` sends to `to` takes up to so much longer. */
  slow(from: NodeId, to: NodeId, maxDelayMs: number): void {
    this.#slow.set(`${from}>${to}`, maxDelayMs);
  }

  heal(): void {
    this.#cut.clear();
    this.#slow.clear();
  }

  #isLost({ from, to }: Envelope): boolean {
    return this.#cut.has(`${from}>${to}`) || this.#random.below(1000) < this.faults.lostPerMille;
  }

  #delayMs({ from, to }: Envelope): number {
    const slow = this.#slow.size === 0 ? 0 : (this.#slow.get(`${from}>${to}`) ?? 0);
    return this.#random.below(this.faults.maxDelayMs + slow + 1);
  }

  #send(envelope: Envelope): void {
    this.sent++;
    if (this.#isLost(envelope)) return;
    this.#deliver(envelope);
    if (this.#random.below(1000) < this.faults.doubledPerMille) this.#deliver(envelope);
  }

  #deliver(envelope: Envelope): void {
    const { to } = envelope;
    const station = this.#stations.get(to);
    const inFlight = this.#inFlight.get(to) ?? 0;
    if (station === undefined || inFlight >= maxInFlight) {
      this.#stations.get(envelope.from)?.receiver.unreachable(to);
      return;
    }
    this.#inFlight.set(to, inFlight + 1);
    // The receiver's own clock: with its process, what is on the way to it vanishes.
    station.process.clock.timer(
      this.#delayMs(envelope),
      () => {
        this.#inFlight.set(to, (this.#inFlight.get(to) ?? 1) - 1);
        if (this.#stations.get(to) === station && !this.#cut.has(`${envelope.from}>${to}`)) station.receiver.receive(envelope);
      },
      { background: true },
    );
  }

  async #sendSnapshot(process: Process, envelope: Envelope, content: AsyncIterable<Uint8Array>): Promise<'finished' | 'failed'> {
    await process.clock.sleep(this.#delayMs(envelope), { background: true });
    const station = this.#stations.get(envelope.to);
    if (station === undefined || this.#isLost(envelope)) return 'failed';
    const blocks: Uint8Array[] = [];
    for await (const block of content) blocks.push(block);
    const isCutShort = this.#isLost(envelope);
    try {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // It runs as the receiver's: killed, it never ends, and the sender gives up.
      station.process.spawn('receive snapshot', async () => {
        await station.receiver.receiveSnapshot(envelope, from(isCutShort ? blocks.slice(0, -1) : blocks)).then(resolve, reject);
      });
      const patience = process.clock.sleep(snapshotPatienceMs, { background: true }).then(() => Promise.reject(new Error('no answer')));
      await Promise.race([promise, patience]);
      return 'finished';
    } catch {
      return 'failed'; // the sender's Raft tries again
    }
  }
}

const snapshotPatienceMs = 10_000;

async function* from(blocks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* blocks;
}
