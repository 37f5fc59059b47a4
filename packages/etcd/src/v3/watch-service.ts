import { AuthError, type AuthRefusal } from '../auth/auth-error.ts';
import { assertMay } from '../auth/permits.ts';
import { maxRequestBytes } from '../mvcc/check-txn.ts';
import { CompactedError } from '../mvcc/refusals.ts';
import { sizeOfValue } from '../mvcc/stored-key-value.ts';
import type { Change, KeyRange } from '../mvcc/types.ts';
import { EventBlocks } from './event-blocks.ts';
import { frameHeaderBytes } from './grpc/frame.ts';
import type { Method, RequestSink, StreamCall } from './grpc/server.ts';
import { type WatchNotice, watchResponse } from './kv-responses.ts';
import { type WatchCreateRequest, watchRequest } from './messages.ts';
import type { V3Context } from './v3-context.ts';

/** etcd's default of --watch-progress-notify-interval. */
export const defaultProgressIntervalMs = 600_000;

export interface WatchOptions {
  /** How often a watcher that asked for it is told how far the store is, when it was told nothing else. */
  readonly progressIntervalMs: number;
}

/** etcdserverpb.Watch (server/etcdserver/api/v3rpc/watch.go). */
export function watchMethods(context: V3Context, options: WatchOptions): Readonly<Record<string, Method>> {
  const blocks = new EventBlocks();
  return {
    '/etcdserverpb.Watch/Watch': {
      kind: 'duplex',
      open: (call) => {
        const stream = new WatchStream({ context, call, blocks, ...options });
        return { requests: stream, done: stream.done };
      },
    },
  };
}

/** As Go writes a status in a reason to cancel; any other refusal is shown as a denial. */
const codeNames: Readonly<Partial<Record<AuthRefusal, string>>> = {
  'invalid token': 'Unauthenticated',
  'old revision': 'InvalidArgument',
  'user is empty': 'InvalidArgument',
};

/** The watcher of a progress report for all, and of what is no watcher. */
const nobody = -1n;

interface Watcher {
  readonly id: bigint;
  readonly range: KeyRange;
  readonly withPrevious: boolean;
  /**
   * What came before the changes up to here had been compacted when the watch was made: it is not told, as in etcd, and the API
   * server counts on that. A watcher that falls behind later is told everything all the same.
   */
  readonly bareThrough: number;
  readonly noPuts: boolean;
  readonly noDeletes: boolean;
  readonly fragments: boolean;
  readonly wantsProgress: boolean;
  /** Told nothing since the last round of progress reports. */
  isQuiet: boolean;
  /** The first revision that it may not have been told of. */
  next: number;
  /** There while it is told of changes as they are made; a watcher without one is behind. */
  live: Disposable | undefined;
}

/**
 * The watchers of one call. What they are told goes into the queue of the call; once that is long, a watcher keeps only its
 * place, and reads on from the store's history when the queue has been sent: slow clients cost no memory and miss nothing.
 */
class WatchStream implements RequestSink {
  readonly done: Promise<void>;
  readonly #context: V3Context;
  readonly #call: StreamCall;
  readonly #blocks: EventBlocks;
  readonly #progressIntervalMs: number;
  readonly #watchers = new Map<bigint, Watcher>();
  /** Those of them that wait for their turn to read on. */
  readonly #lagging = new Set<Watcher>();
  #nextId = 0n;
  #isCatchingUp = false;
  /** A progress request that waits until nobody is behind. */
  #owesProgress = false;
  #ticker: Disposable | undefined;

  constructor(options: { readonly context: V3Context; readonly call: StreamCall; readonly blocks: EventBlocks } & WatchOptions) {
    this.#context = options.context;
    this.#call = options.call;
    this.#blocks = options.blocks;
    this.#progressIntervalMs = options.progressIntervalMs;
    this.done = new Promise((resolve) => {
      this.#call.onClosed(() => {
        this.#close();
        resolve();
      });
    });
  }

  message(bytes: Buffer): void {
    const { createRequest, cancelRequest, progressRequest } = watchRequest.decode(bytes);
    if (createRequest !== undefined) this.#create(createRequest);
    else if (cancelRequest !== undefined) this.#cancel(cancelRequest.watchId ?? 0n);
    else if (progressRequest !== undefined) this.#requestProgress();
  }

  /** A client that asks for nothing more still wants what it has asked for. */
  ended(): void {}

  #create(request: Partial<WatchCreateRequest>): void {
    const { startRevision = 0, watchId = 0n } = request;
    const key = request.key === undefined || request.key === '' ? '\0' : request.key;
    const end = request.rangeEnd === undefined || request.rangeEnd === '' ? undefined : request.rangeEnd;
    if (startRevision < 0) {
      this.#refuse('etcdserver: mvcc: required revision has been compacted');
      return;
    }
    const denial = this.#denial({ key, end });
    if (denial !== undefined) {
      this.#refuse(denial);
      return;
    }
    if (end !== undefined && end !== '\0' && key >= end) {
      this.#refuse('mvcc: watcher range is empty');
      return;
    }
    if (watchId !== 0n && this.#watchers.has(watchId)) {
      this.#refuse('mvcc: duplicate watch ID provided on the WatchStream');
      return;
    }
    const { store } = this.#context;
    const watcher: Watcher = {
      id: watchId === 0n ? this.#freeId() : watchId,
      range: { key, end },
      withPrevious: request.prevKv === true,
      bareThrough: store.compactRevision,
      noPuts: request.filters?.includes(0) === true,
      noDeletes: request.filters?.includes(1) === true,
      fragments: request.fragment === true,
      wantsProgress: request.progressNotify === true,
      isQuiet: true,
      next: startRevision === 0 ? store.revision + 1 : startRevision,
      live: undefined,
    };
    this.#watchers.set(watcher.id, watcher);
    this.#lagging.add(watcher);
    if (watcher.wantsProgress) this.#startTicker();
    this.#send(store.revision, watcher.id, { created: true });
    this.#join(watcher);
    this.#catchUp();
  }

  /** Why the caller may not watch the range. Of a watch that goes on nobody asks again, as in etcd. */
  #denial(range: KeyRange): string | undefined {
    const { authentication, store } = this.#context;
    if (!authentication.isEnabled) return undefined;
    try {
      assertMay(store.auth.state, authentication.caller(this.#call), 'read', range);
      return undefined;
    } catch (error) {
      if (error instanceof AuthError) return `rpc error: code = ${codeNames[error.refusal] ?? 'PermissionDenied'} desc = ${error.message}`;
      throw error;
    }
  }

  #refuse(cancelReason: string): void {
    this.#send(this.#context.store.revision, nobody, { created: true, canceled: true, cancelReason });
  }

  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#remove(watcher);
    this.#send(this.#context.store.revision, id, { canceled: true });
    this.#payProgress();
  }

  #remove(watcher: Watcher): void {
    watcher.live?.[Symbol.dispose]();
    watcher.live = undefined;
    this.#watchers.delete(watcher.id);
    this.#lagging.delete(watcher);
  }

  #requestProgress(): void {
    this.#owesProgress = true;
    this.#payProgress();
  }

  /** Says how far all watchers are, behind what was sent to them: so all of them have been told of everything up to there. */
  #payProgress(): void {
    if (!this.#owesProgress || this.#lagging.size > 0) return;
    this.#owesProgress = false;
    if (this.#watchers.size > 0) this.#send(this.#context.store.revision, nobody, {});
  }

  /** Tells the watcher what it missed, then what happens; unless the queue gets too long on the way. */
  #join(watcher: Watcher): void {
    const { store } = this.#context;
    let isPast = true;
    let fellBehind = false;
    try {
      const sink = (changes: readonly Change[]): void => {
        if (fellBehind) return;
        fellBehind = isPast ? !this.#tellPast(watcher, changes) : !this.#tell(watcher, changes, changes[0]?.revision ?? 0);
        if (fellBehind && !isPast) this.#fallBehind(watcher);
      };
      const live = store.watch(watcher.range, watcher.next, sink, () => this.#fallBehind(watcher));
      isPast = false;
      if (fellBehind) live[Symbol.dispose]();
      else {
        watcher.live = live;
        this.#lagging.delete(watcher);
        watcher.next = Math.max(watcher.next, store.revision + 1);
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      this.#remove(watcher);
      this.#send(0, watcher.id, { canceled: true, compactRevision: error.compactRevision });
    }
  }

  /** It reads on from where it was when it is its turn, and learns then if that is compacted. */
  #fallBehind(watcher: Watcher): void {
    watcher.live?.[Symbol.dispose]();
    watcher.live = undefined;
    if (this.#watchers.get(watcher.id) === watcher) this.#lagging.add(watcher);
    this.#catchUp();
  }

  /** In batches of whole revisions; false when it stopped before the end. */
  #tellPast(watcher: Watcher, changes: readonly Change[]): boolean {
    const current = this.#context.store.revision;
    for (let at = 0; at < changes.length; ) {
      const until = batchEnd(changes, at);
      const hasRoom = this.#tell(watcher, changes.slice(at, until), current);
      at = until;
      if (!hasRoom && at < changes.length) return false;
    }
    return true;
  }

  /** False when the queue has become too long for more. The changes were told all the same. */
  #tell(watcher: Watcher, changes: readonly Change[], header: number): boolean {
    const last = changes.at(-1);
    if (last === undefined) return true;
    watcher.next = last.revision + 1;
    const events: Buffer[] = [];
    let bytes = 0;
    for (const change of changes) {
      if (change.current === undefined ? watcher.noDeletes : watcher.noPuts) continue;
      const block = this.#blocks.of(change, watcher.withPrevious && change.revision > watcher.bareThrough);
      events.push(block);
      bytes += block.length;
    }
    if (events.length === 0) return true;
    watcher.isQuiet = false;
    if (watcher.fragments && bytes >= maxRequestBytes - fragmentOverheadBytes) this.#sendFragments(watcher, header, events);
    else this.#send(header, watcher.id, {}, events);
    return !this.#call.isFull;
  }

  #sendFragments(watcher: Watcher, header: number, events: readonly Buffer[]): void {
    for (let at = 0; at < events.length; ) {
      let end = at + 1;
      let bytes = (events[at]?.length ?? 0) + fragmentOverheadBytes;
      while (end < events.length && bytes + (events[end]?.length ?? 0) < maxRequestBytes) bytes += events[end++]?.length ?? 0;
      this.#send(header, watcher.id, { fragment: end < events.length }, events.slice(at, end));
      at = end;
    }
  }

  #send(revision: number, id: bigint, notice: WatchNotice, events: readonly Buffer[] = []): void {
    this.#call.send(watchResponse(this.#context.header(revision), id, notice), events);
  }

  /** Brings those that are behind up to date, one after another, as the queue is sent. */
  #catchUp(): void {
    if (this.#isCatchingUp || this.#lagging.size === 0) return;
    this.#isCatchingUp = true;
    this.#call.pause(); // what is asked for meanwhile would only add to the queue
    this.#context.process.spawn('watch catch-up', async () => {
      while (this.#lagging.size > 0 && this.#call.isOpen) {
        await this.#call.drained();
        // Some may have been canceled meanwhile.
        const [watcher] = this.#lagging;
        if (this.#call.isOpen && watcher !== undefined) this.#join(watcher);
      }
      this.#isCatchingUp = false;
      this.#call.resume();
      this.#payProgress();
    });
  }

  #startTicker(): void {
    if (this.#ticker !== undefined || !this.#call.isOpen) return;
    const { clock, random } = this.#context.process;
    // Streams of a client that starts again do not all report at once.
    const jitterMs = random.float() * (this.#progressIntervalMs / 10);
    const tick = (): void => {
      this.#ticker = undefined;
      this.#reportProgress();
      this.#startTicker();
    };
    this.#ticker = clock.timer(this.#progressIntervalMs + jitterMs, tick, { background: true });
  }

  #reportProgress(): void {
    for (const watcher of this.#watchers.values()) {
      if (watcher.wantsProgress && watcher.isQuiet && watcher.live !== undefined) this.#send(this.#context.store.revision, watcher.id, {});
      watcher.isQuiet = true;
    }
  }

  #close(): void {
    this.#ticker?.[Symbol.dispose]();
    for (const watcher of [...this.#watchers.values()]) this.#remove(watcher);
  }
}

/** Room for all of a response but its events: a response has less than that. */
const fragmentOverheadBytes = 128 + frameHeaderBytes;
const mostRevisions = 1000;
const mostBatchBytes = 512 * 1024;

/** Where the batch that begins at `from` ends: after at most 1,000 revisions (mvcc/watcher_group.go), and never within one. */
function batchEnd(changes: readonly Change[], from: number): number {
  let revisions = 0;
  let bytes = 0;
  let at = from;
  while (at < changes.length) {
    const revision = changes[at]?.revision;
    if (revisions === mostRevisions || bytes > mostBatchBytes) return at;
    while (at < changes.length && changes[at]?.revision === revision) {
      const change = changes[at++];
      for (const kv of [change?.current, change?.previous]) if (kv !== undefined) bytes += sizeOfValue(kv);
    }
    revisions++;
  }
  return at;
}
