import type { DialResponse, Task } from '@coracle/kernel';
import { call, envOf, pause, podNameOf, readJsonText, response, type TidbContainer } from './container.ts';
import { answerPD, memberBody, writeWithBigints } from './pd-api.ts';
import { addMember, heartbeat, newPDState, type Outcome, type PDMemberState, type PDState, putStore, scheduleRound } from './pd-state.ts';

const dataFile = '/var/lib/pd/pd.json';
const roundMs = 500;
const idleRoundMs = 10_000;
/** A follower that hears nothing of its leader for so long takes over (PD's leader lease). */
const leaseMs = 5_000;
const electionTickMs = 1_000;

/** What a member keeps on its volume: who it is and what PD knew. */
interface MemberData {
  readonly self: PDMemberState;
  readonly state: PDState;
}

/**
 * pd-server as the operator sees it. The leader alone decides and hands its state to every member before it answers; a
 * change needs a majority. A simplification of Raft that keeps what is observable: names, ids, leader, quorum, join.
 */
export async function pdProgram(container: TidbContainer): Promise<number> {
  const kept = (container.resumed as MemberData | undefined) ?? readData(container); // our own checkpoint
  const data = kept ?? (await start(container));
  if (data === undefined) return container.terminated.aborted ? 0 : 1;
  const member = new PDServer(container, data);
  container.checkpoint(() => member.data());
  return await member.run();
}

/** First start: asks discovery, then founds a cluster or joins one. Undefined: stopped, or refused (it said why). */
async function start(container: TidbContainer): Promise<MemberData | undefined> {
  const name = podNameOf(container);
  const namespace = envOf(container, 'NAMESPACE');
  const host = `${name}.${envOf(container, 'PEER_SERVICE_NAME')}.${namespace}.svc`;
  const cluster = envOf(container, 'SERVICE_NAME').replace(/-pd$/, '');
  const self: PDMemberState = {
    name,
    memberId: uint64(container),
    peerUrl: `http://${host}:2380`,
    clientUrl: `http://${host}:2379`,
  };
  const discovery = `http://${cluster}-discovery.${namespace}.svc:10261/new/${encodeURIComponent(Buffer.from(`${host}:2380`).toString('base64'))}`;
  do {
    const answer = await call(container, discovery);
    if (answer?.status !== 200) continue;
    if (answer.text.startsWith('--initial-cluster=')) return save(container, { self, state: newPDState(uint64(container), self) });
    for (const url of answer.text.replace(/^--join=/, '').split(',')) {
      const joined = await call(container, `${url}/sim/members`, { method: 'POST', body: self });
      if (joined === undefined || joined.status >= 500) continue;
      if (joined.status >= 400) {
        container.stdout.write(`[FATAL] join failed: ${joined.text}`);
        return undefined;
      }
      return save(container, { self, state: readJsonText(joined.text) as PDState }); // the leader's own state
    }
  } while (await pause(container, 1000, { background: false }));
  return undefined;
}

function save(container: TidbContainer, data: MemberData): MemberData {
  container.files.write(dataFile, JSON.stringify(data));
  return data;
}

function readData(container: TidbContainer): MemberData | undefined {
  const text = container.files.read(dataFile);
  if (text === undefined) return undefined;
  const data = readJsonText(text);
  if (typeof data !== 'object' || data === null || !('self' in data)) throw new Error(`Cannot read "${dataFile}": it is damaged`);
  return data as MemberData; // written by save()
}

function uint64(container: TidbContainer): string {
  return (new DataView(container.process.random.bytes(8).buffer).getBigUint64(0) | 1n).toString();
}

class PDServer {
  readonly #container: TidbContainer;
  readonly #self: PDMemberState;
  #state: PDState;
  #leaderHeardMs: number;
  #removed = false;
  #turn: Promise<void> = Promise.resolve();
  /** Carries moves on in the foreground; undefined when nothing moves. */
  #moving: Task | undefined;

  constructor(container: TidbContainer, { self, state }: MemberData) {
    this.#container = container;
    this.#self = self;
    this.#state = state;
    this.#leaderHeardMs = container.process.clock.monotonic();
  }

  data(): MemberData {
    return Object.freeze({ self: this.#self, state: this.#state });
  }

  async run(): Promise<number> {
    const { network, stdout } = this.#container;
    if (!this.#isMember()) return this.#leave();
    using _client = network.listen(2379, (request) => this.#serve(request));
    using _peer = network.listen(2380, (request) => this.#serve(request));
    stdout.write(`${this.#self.name} serves PD, cluster id ${this.#state.clusterId}, leader ${this.#state.leader}\n`);
    do {
      if (this.#isLeader()) await this.#schedule();
      else await this.#followOrTakeOver();
      if (this.#removed) return this.#leave();
    } while (await pause(this.#container, this.#waitMs(), { background: !this.#isMoving() }));
    return 0;
  }

  #isLeader(): boolean {
    return this.#state.leader === this.#self.name;
  }

  #isMember(): boolean {
    return this.#state.members.some((member) => member.memberId === this.#self.memberId);
  }

  #isMoving(): boolean {
    return this.#isLeader() && scheduleRound(this.#state, this.#nowMs()) !== this.#state;
  }

  #waitMs(): number {
    if (!this.#isLeader()) return electionTickMs;
    if (this.#isMoving()) return roundMs;
    return this.#state.members.length > 1 ? electionTickMs : idleRoundMs;
  }

  #nowMs(): number {
    return this.#container.process.clock.now();
  }

  #leave(): number {
    this.#container.stdout.write(`[FATAL] ${this.#self.name}: the member has been permanently removed from the cluster\n`);
    return 1;
  }

  /** Moves what is to move; with peers, the push is also the leader's sign of life. */
  async #schedule(): Promise<void> {
    await this.#exclusive(() => this.#scheduleOnce());
  }

  async #scheduleOnce(): Promise<void> {
    const next = scheduleRound(this.#state, this.#nowMs());
    if (next !== this.#state) await this.#commit(next);
    else if (this.#state.members.length > 1) await this.#push(this.#state);
  }

  async #followOrTakeOver(): Promise<void> {
    const silentMs = this.#container.process.clock.monotonic() - this.#leaderHeardMs;
    if (silentMs < leaseMs) return;
    const alive = await Promise.all(this.#state.members.map(async (member) => ({ member, version: await this.#versionOf(member) })));
    const answering = alive.filter((one) => one.version !== undefined);
    if (answering.length < Math.floor(this.#state.members.length / 2) + 1) return;
    // The one that knows most takes over, the first by name among equals; all members come to the same choice.
    const best = answering.toSorted((a, b) => (b.version ?? 0) - (a.version ?? 0) || (a.member.name < b.member.name ? -1 : 1))[0];
    if (best?.member.name !== this.#self.name) return;
    await this.#exclusive(() => this.#commit({ ...this.#state, leader: this.#self.name, version: this.#state.version + 1 }));
  }

  async #versionOf(member: PDMemberState): Promise<number | undefined> {
    if (member.name === this.#self.name) return this.#state.version;
    const answer = await call(this.#container, `${member.peerUrl}/sim/version`, { timeoutMs: 1000 });
    return answer?.status === 200 ? Number(answer.text) : undefined;
  }

  /** One change at a time: two made of the same state would have one version, and members would differ under it. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const own = Promise.withResolvers<void>();
    this.#turn = own.promise;
    await before;
    try {
      return await work();
    } finally {
      own.resolve();
    }
  }

  /** Takes `next` over once a majority has it. False without one, and nothing changed. Within `#exclusive`. */
  async #commit(next: PDState): Promise<boolean> {
    const base = this.#state;
    if (next.members.length > 1 || base.members.length > 1) {
      const isHeld = await this.#push(next);
      if (this.#state.version !== base.version) return false; // another member leads now, and told us so meanwhile
      if (!isHeld) {
        // Some may have it under this version: the next change must have a higher one to be taken over.
        this.#state = { ...this.#state, version: next.version };
        return false;
      }
    }
    this.#state = withHeartbeats(next, this.#state);
    save(this.#container, this.data());
    if (!this.#isMember()) this.#removed = true;
    return true;
  }

  async #push(state: PDState): Promise<boolean> {
    const everyone = [
      ...state.members,
      ...this.#state.members.filter((old) => !state.members.some((one) => one.memberId === old.memberId)),
    ];
    const others = everyone.filter((member) => member.memberId !== this.#self.memberId);
    const answers = await Promise.all(
      others.map(async (member) => ({
        member,
        answer: await call(this.#container, `${member.peerUrl}/sim/replicate`, { method: 'POST', body: state, timeoutMs: 1000 }),
      })),
    );
    const acknowledged = answers.filter(({ member, answer }) => answer?.status === 200 && this.#state.members.includes(member)).length;
    return acknowledged + 1 >= Math.floor(this.#state.members.length / 2) + 1;
  }

  async #serve(request: { readonly method: string; readonly url: URL; readonly body: Uint8Array }): Promise<DialResponse> {
    const { method, url } = request;
    const text = new TextDecoder().decode(request.body);
    switch (url.pathname) {
      case '/pd/api/v1/ping':
      case '/ping':
      case '/status':
        return response(200, '');
      case '/pd/api/v1/health':
        return response(200, `${writeWithBigints(await this.#health())}\n`);
      case '/sim/version':
        return response(200, String(this.#state.version));
      case '/sim/replicate':
        return this.#replicate(text);
    }
    if (!this.#isLeader()) return await this.#forward(method, url, text);
    const beating = /^\/sim\/stores\/(\d+)\/heartbeat$/.exec(url.pathname)?.[1];
    if (beating !== undefined) return this.#beat(Number(beating));
    if (method === 'GET') return await this.#decide(method, url, text);
    return await this.#exclusive(() => this.#decide(method, url, text));
  }

  async #health(): Promise<unknown> {
    return await Promise.all(
      this.#state.members.map(async (member) => {
        const isSelf = member.memberId === this.#self.memberId;
        const health = isSelf || (await call(this.#container, `${member.clientUrl}/pd/api/v1/ping`, { timeoutMs: 1000 }))?.status === 200;
        const { name, member_id, client_urls } = memberBody(member);
        return { name, member_id, client_urls, health };
      }),
    );
  }

  #replicate(text: string): DialResponse {
    const state = readJsonText(text) as PDState; // from another member of this program
    if (state.version < this.#state.version) return response(409, 'older than mine');
    this.#leaderHeardMs = this.#container.process.clock.monotonic();
    if (state.version > this.#state.version) {
      this.#state = state;
      save(this.#container, this.data());
      if (!this.#isMember()) this.#removed = true;
    }
    return response(200, 'ok');
  }

  /** A follower asks the leader, for at most three seconds. */
  async #forward(method: string, url: URL, text: string): Promise<DialResponse> {
    const leader = this.#state.members.find((member) => member.name === this.#state.leader);
    if (leader === undefined || leader.memberId === this.#self.memberId) return response(503, 'no leader\n', 'text/plain');
    const answer = await call(this.#container, `${leader.clientUrl}${url.pathname}${url.search}`, {
      method,
      ...(text !== '' && { body: readJsonText(text) }),
    });
    return answer === undefined ? response(503, 'no leader\n', 'text/plain') : response(answer.status, answer.text);
  }

  async #decide(method: string, url: URL, text: string): Promise<DialResponse> {
    const body = text === '' ? undefined : readJsonText(text);
    const before = this.#state;
    if (url.pathname === '/sim/members' && method === 'POST') return await this.#outcome(addMember(before, body as PDMemberState)); // from start()
    if (url.pathname === '/sim/stores' && method === 'POST') {
      const asked = body as Omit<Parameters<typeof putStore>[1], 'nowMs'>; // from the TiKV program
      const outcome = putStore(before, { ...asked, nowMs: this.#nowMs() });
      return await this.#outcome(outcome, JSON.stringify({ id: outcome.id, clusterId: before.clusterId }));
    }
    const answer = answerPD(before, { method, path: url.pathname, query: url.searchParams, body }, this.#nowMs());
    if (answer.state !== before && !(await this.#commit(answer.state))) return response(503, 'no quorum\n', 'text/plain');
    if (answer.state !== before) this.#wake();
    return response(answer.status, answer.body);
  }

  async #outcome(outcome: Outcome, answer?: string): Promise<DialResponse> {
    if ('refused' in outcome) return response(outcome.refused.status, `${JSON.stringify(outcome.refused.message)}\n`);
    if (!(await this.#commit(outcome.state))) return response(503, 'no quorum\n', 'text/plain');
    this.#wake();
    return response(200, answer ?? JSON.stringify(outcome.state));
  }

  /** A heartbeat is no change worth a write: members learn it with the next push. */
  #beat(id: number): DialResponse {
    const outcome = heartbeat(this.#state, id, this.#nowMs());
    if ('refused' in outcome) return response(outcome.refused.status, outcome.refused.message);
    this.#state = outcome.state;
    const store = outcome.state.stores.find((one) => one.id === id);
    return response(200, JSON.stringify({ regions: store?.regions ?? 0, leaders: store?.leaders ?? 0 }));
  }

  /** Something may have to move now: a foreground timer carries it on, since the idle round is in the background. */
  #wake(): void {
    if (!this.#isMoving() || this.#moving !== undefined) return;
    this.#moving = this.#container.process.spawn(`${this.#self.name} moves`, async () => {
      while (this.#isMoving() && (await pause(this.#container, roundMs, { background: false }))) await this.#schedule();
      this.#moving = undefined;
    });
  }
}

/** A heartbeat that came while a change was on its way is no part of it. */
function withHeartbeats(next: PDState, latest: PDState): PDState {
  const heard = new Map(latest.stores.map((store) => [store.id, store.heartbeatMs]));
  const isOlder = next.stores.some((store) => (heard.get(store.id) ?? 0) > store.heartbeatMs);
  return isOlder
    ? { ...next, stores: next.stores.map((store) => ({ ...store, heartbeatMs: Math.max(store.heartbeatMs, heard.get(store.id) ?? 0) })) }
    : next;
}
