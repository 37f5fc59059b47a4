import { assert, type Histogram, type Process } from '@coracle/kernel';
import type { AppliedState } from './applied-state.ts';
import { DiskFull, StoreStopped } from './directory/errors.ts';
import { isNoSpace } from './disk/disk.ts';
import { txnBytes } from './mvcc/check-txn.ts';
import { isRefusal } from './mvcc/refusals.ts';
import type { TxnResult } from './mvcc/types.ts';
import { type Entry, freesSpace } from './wal/entry.ts';
import type { Log } from './wal/log.ts';
import { recordBytes } from './wal/record.ts';

/** Bounds of a batch: what one sync makes durable. A single larger entry is a batch of its own. */
const maxBatchBytes = 1024 * 1024;
const maxBatchEntries = 512;
/** Entries waiting for their batch; beyond it etcd too answers that there are too many. */
const maxWaiting = 5000;

/** More entries wait than the disk can take. Not proposed, so it may be tried again. The text is etcd's. */
export class TooManyRequestsError extends Error {
  override readonly name = 'TooManyRequestsError';
  constructor() {
    super('etcdserver: too many requests');
  }
}

interface Proposal {
  readonly entry: Entry;
  readonly bytes: number;
  readonly resolve: (result: TxnResult | undefined) => void;
  readonly reject: (error: Error) => void;
}

export interface GroupCommitOptions {
  readonly process: Process;
  readonly log: Log;
  readonly state: AppliedState;
  readonly term: number;
  readonly directory: string;
  /** Told of every batch once it has been applied. */
  readonly committed: (bytes: number) => void;
}

/**
 * The one write path: proposals wait while a batch is made durable and are the next batch; a batch is applied, in
 * order, and answered once it is durable. One sync is in flight at most.
 *
 * A disk that is full refuses what needs space and takes the rest. Any other error of the disk ends writing for good:
 * a sync that failed has lost what it was to save, so that trying it again would report a lie.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #syncSeconds: Histogram;
  #waiting: Proposal[] = [];
  #wake: (() => void) | undefined;
  #closing = false;
  #failure: Error | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#syncSeconds = options.process.metrics.histogram({
      name: 'etcd_disk_wal_fsync_duration_seconds',
      help: 'Time to make one batch of the log durable.',
      bounds: Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i),
    });
  }

  /** Why nothing is written any more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves once `entry` is durable and applied. */
  propose(entry: Entry): Promise<TxnResult | undefined> {
    if (this.#failure !== undefined) return Promise.reject(new StoreStopped({ cause: this.#failure }));
    if (this.#closing) return Promise.reject(new StoreStopped());
    if (this.#waiting.length >= maxWaiting) return Promise.reject(new TooManyRequestsError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, bytes: bytesOf(entry), resolve, reject });
      this.#wake?.();
    });
  }

  /** Takes no more proposals; `run` settles once those before are done. */
  close(): void {
    this.#closing = true;
    this.#wake?.();
  }

  async run(): Promise<void> {
    const { process } = this.#options;
    for (;;) {
      while (this.#waiting.length === 0) {
        if (this.#closing) return;
        await this.#somethingToDo();
      }
      // Those who were just answered propose again in the microtasks that follow: they belong into this batch.
      const batch = await process.step({ lane: 'log', op: 'batch' }, () => this.#take());
      try {
        await this.#commit(batch);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)), batch);
      }
    }
  }

  async #commit(batch: readonly Proposal[]): Promise<void> {
    const { log, process, state, term, committed } = this.#options;
    const admitted = await this.#admit(batch);
    if (admitted.length === 0) return;
    const startMs = process.clock.monotonic();
    const entries = admitted.map(({ entry }) => entry);
    const bytes = await log.append(entries, term);
    this.#syncSeconds.observe((process.clock.monotonic() - startMs) / 1000);
    for (const proposal of admitted) applyAndAnswer(state, proposal);
    committed(bytes);
  }

  /** Those of the batch that the disk has room for. Throws the disk's other errors. */
  async #admit(batch: readonly Proposal[]): Promise<readonly Proposal[]> {
    const { log, directory } = this.#options;
    try {
      await log.makeRoom(batch.reduce((sum, { bytes }) => sum + bytes, 0));
      return batch;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      const admitted: Proposal[] = [];
      let bytes = 0;
      for (const proposal of batch) {
        if (freesSpace(proposal.entry) && log.fits(bytes + proposal.bytes)) {
          admitted.push(proposal);
          bytes += proposal.bytes;
        } else proposal.reject(new DiskFull(directory, { cause: error }));
      }
      return admitted;
    }
  }

  #take(): readonly Proposal[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(this.#waiting.length, maxBatchEntries); count++) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      if (count > 0 && bytes > maxBatchBytes) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Answers nobody with success any more. Answering a proposal that was answered already changes nothing. */
  #fail(failure: Error, batch: readonly Proposal[]): void {
    this.#failure = failure;
    this.#options.process.log.error('The store takes no more writes', { error: failure.message });
    for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(new StoreStopped({ cause: failure }));
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function applyAndAnswer(state: AppliedState, { entry, resolve, reject }: Proposal): void {
  let result: TxnResult | undefined;
  try {
    result = state.apply(entry);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    reject(error);
    return;
  }
  resolve(result);
}

/** Upper bound of what the entry takes in the log. */
function bytesOf(entry: Entry): number {
  const payload = entry.kind === 'txn' ? txnBytes(entry.txn) : entry.kind === 'checkpoint' ? 16 + 20 * entry.leases.length : 32;
  assert(Number.isSafeInteger(payload), 'an entry has a size');
  return recordBytes(payload);
}
