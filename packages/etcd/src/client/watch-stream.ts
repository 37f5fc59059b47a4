import { assert, firstAborted, type Process } from '@coracle/kernel';
import { CompactedError } from '../mvcc/refusals.ts';
import { revision, type Revision } from '../mvcc/revision.ts';
import type { Change, KeyRange } from '../mvcc/types.ts';
import { FrameReader } from '../v3/grpc/frame.ts';
import { GrpcError, grpcCode } from '../v3/grpc/status.ts';
import { type WatchRequest, watchRequest } from '../v3/messages.ts';
import type { Balancer } from './balancer.ts';
import type { Caller } from './caller.ts';
import { decodeWatchAnswer, type WatchAnswer } from './codec.ts';
import type { CallEnd, OutgoingCall } from './connection.ts';
import { errorOfEnd, isTokenRefusal } from './errors.ts';
import { maxAnswerBytes, requestFrame } from './exchange.ts';
import type { Token } from './token.ts';

/** Who is told of the changes of a range, in order of revision. Must not throw. */
export interface EtcdWatchSink {
  /** All changes of one or more transactions; never a part of one. */
  changes(batch: readonly Change[]): void;
  /**
   * The watch is over, and is not resumed: CompactedError when what comes next is not served any more, else what the server
   * refused it with. Not called after it was disposed.
   */
  ended(error: Error): void;
}

export interface EtcdWatchOptions {
  /** The first revision that is wanted; 0: from now on. */
  readonly from: number;
  /** Whether changes say what was there before. */
  readonly previous?: boolean;
}

/** A watch that is open until it is disposed or ended, whatever becomes of connections. */
export interface EtcdWatch extends Disposable {
  /** Everything up to here was told; 0 while the server has not answered a watch that begins now. */
  readonly told: Revision;
}

/** Between two streams: as etcd's client, little at first. */
const backoff = { initialMs: 50, factor: 2, largestMs: 1000, jitter: 0.2 } as const;

export interface WatchStreamOptions {
  readonly process: Process;
  readonly balancer: Balancer;
  readonly caller: Caller;
  readonly token?: Token;
}

/**
 * All watches of a client, on one call. When the call is lost, each goes on from the first revision that it was not told of, over the
 * next server (clientv3/watch.go); a server that has no leader ends the call (`hasleader`), so that another one is found.
 */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #watches = new Set<Watch>();
  readonly #closing = new AbortController();
  #open: OpenStream | undefined;
  #isRunning = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
  }

  get watches(): Iterable<EtcdWatch> {
    return this.#watches;
  }

  watch(range: KeyRange, options: EtcdWatchOptions, sink: EtcdWatchSink): EtcdWatch {
    const watch = new Watch(range, options, sink, () => this.#leave(watch));
    this.#watches.add(watch);
    this.#open?.create(watch);
    this.#run();
    return watch;
  }

  /** Asks the server to say how far the watches of the stream are; what it says is in `told`. Nothing happens while there is no stream. */
  requestProgress(): void {
    this.#open?.requestProgress();
  }

  /** Ends the stream; nobody is told of anything any more. */
  close(): void {
    this.#watches.clear();
    this.#closing.abort(new Error('the client of etcd was closed'));
  }

  #leave(watch: Watch): void {
    if (this.#watches.delete(watch)) this.#open?.cancel(watch);
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#options.process.spawn('etcd watches', async (stopping) => {
      using either = firstAborted(stopping, this.#closing.signal);
      const { signal } = either;
      let pauseMs: number = backoff.initialMs;
      try {
        while (this.#watches.size > 0) {
          const { end, hasServed } = await this.#serve(signal);
          if (signal.aborted) return;
          if (this.#isFinal(end)) {
            const error = errorOfEnd(end);
            for (const watch of [...this.#watches]) this.#end(watch, error);
            return;
          }
          if (hasServed) pauseMs = backoff.initialMs;
          await this.#pause(pauseMs, signal);
          pauseMs = Math.min(backoff.largestMs, pauseMs * backoff.factor);
        }
      } catch (error) {
        if (!this.#closing.signal.aborted) throw error; // nobody waits for anything any more
      } finally {
        this.#isRunning = false;
      }
    });
  }

  /** One stream, from its beginning to its end. */
  async #serve(signal: AbortSignal): Promise<{ readonly end: CallEnd; readonly hasServed: boolean }> {
    const { balancer, caller } = this.#options;
    let metadata: Readonly<Record<string, string>>;
    const connection = await balancer.connection(signal);
    try {
      metadata = await caller.metadata(connection, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return { end: { is: 'lost', sent: false, reason: error instanceof Error ? error : new Error(String(error)) }, hasServed: false };
    }
    const { promise: ended, resolve } = Promise.withResolvers<CallEnd>();
    const frames = new FrameReader(maxAnswerBytes);
    const fail = (error: unknown): void => {
      stream.close();
      const reason = error instanceof Error ? error : new Error(String(error));
      resolve({ is: 'lost', sent: true, reason });
    };
    const call = connection.open(
      { path: '/etcdserverpb.Watch/Watch', metadata: { ...metadata, hasleader: 'true' } },
      {
        data(chunk) {
          try {
            frames.push(chunk, (message) => stream.answer(decodeWatchAnswer(message)));
          } catch (error) {
            fail(error);
          }
        },
        ended: resolve,
      },
    );
    const stream = new OpenStream(call, (watch, error) => this.#end(watch, error));
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    for (const watch of this.#watches) stream.create(watch);
    this.#open = stream;
    try {
      const end = await ended;
      return { end, hasServed: stream.hasServed };
    } finally {
      this.#open = undefined;
      stream.close();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whether going on would end the same way again. */
  #isFinal(end: CallEnd): boolean {
    if (isTokenRefusal(end) && this.#options.token !== undefined) {
      this.#options.token.forget();
      return false;
    }
    if (end.is === 'lost') return false;
    return ![grpcCode.ok, grpcCode.canceled, grpcCode.unavailable, grpcCode.internal].some((code) => code === end.code);
  }

  #end(watch: Watch, error: Error): void {
    if (this.#watches.delete(watch)) watch.sink.ended(error);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options.process;
    await clock.sleep(ms * (1 + backoff.jitter * (2 * random.float() - 1)), { signal });
  }
}

class Watch implements EtcdWatch {
  readonly range: KeyRange;
  readonly previous: boolean;
  readonly sink: EtcdWatchSink;
  readonly #leave: () => void;
  /** The first revision that it was not told of; 0 before a watch that begins now has begun. */
  next: number;

  constructor(range: KeyRange, { from, previous = false }: EtcdWatchOptions, sink: EtcdWatchSink, leave: () => void) {
    this.range = range;
    this.previous = previous;
    this.sink = sink;
    this.next = from;
    this.#leave = leave;
  }

  get told(): Revision {
    return revision(Math.max(0, this.next - 1));
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}

/** The id of a report of progress to all watches of a stream, and of a refusal. */
const everybody = -1n;

/** The watches on one call that is open. The server answers creations in their order, which is how ids are learned. */
class OpenStream {
  readonly #call: OutgoingCall;
  readonly #end: (watch: Watch, error: Error) => void;
  readonly #asked: Watch[] = [];
  readonly #byId = new Map<bigint, Watch>();
  readonly #ids = new Map<Watch, bigint>();
  readonly #left = new Set<Watch>();
  hasServed = false;

  constructor(call: OutgoingCall, end: (watch: Watch, error: Error) => void) {
    this.#call = call;
    this.#end = end;
  }

  close(): void {
    this.#call.cancel();
  }

  create(watch: Watch): void {
    const { range, previous, next } = watch;
    const createRequest = { key: range.key, rangeEnd: range.end ?? '', startRevision: next, prevKv: previous, progressNotify: true };
    this.#asked.push(watch);
    this.#send({ createRequest });
  }

  cancel(watch: Watch): void {
    const watchId = this.#ids.get(watch);
    this.#left.add(watch);
    if (watchId !== undefined) this.#cancel(watch, watchId);
  }

  requestProgress(): void {
    this.#send({ progressRequest: {} });
  }

  answer(answer: WatchAnswer): void {
    const { watchId } = answer;
    if (answer.created) {
      this.#created(answer);
      return;
    }
    if (watchId === everybody) {
      for (const watch of this.#byId.values()) this.#progress(watch, answer.revision);
      return;
    }
    const watch = this.#byId.get(watchId);
    if (watch === undefined) return; // it was left, and the server has not heard of it yet
    if (answer.canceled) {
      this.#byId.delete(watchId);
      this.#end(watch, cancelError(answer));
    } else if (answer.changes.length === 0) this.#progress(watch, answer.revision);
    else this.#changes(watch, answer.changes);
  }

  #created(answer: WatchAnswer): void {
    const watch = this.#asked.shift();
    if (watch === undefined) throw new GrpcError(grpcCode.internal, 'a watch was created that nobody asked for');
    this.hasServed = true;
    if (answer.canceled) {
      if (!this.#left.has(watch)) this.#end(watch, cancelError(answer));
      return;
    }
    this.#byId.set(answer.watchId, watch);
    this.#ids.set(watch, answer.watchId);
    if (this.#left.has(watch)) this.#cancel(watch, answer.watchId);
    else if (watch.next === 0) watch.next = answer.revision + 1;
  }

  #cancel(watch: Watch, watchId: bigint): void {
    this.#byId.delete(watchId);
    this.#ids.delete(watch);
    this.#left.delete(watch);
    this.#send({ cancelRequest: { watchId } });
  }

  #progress(watch: Watch, at: Revision): void {
    watch.next = Math.max(watch.next, at + 1);
  }

  /** All changes of one revision come together, so a revision that was told of is told of as a whole. */
  #changes(watch: Watch, changes: readonly Change[]): void {
    const fresh = (changes[0]?.revision ?? 0) >= watch.next ? changes : changes.filter((change) => change.revision >= watch.next);
    const last = fresh.at(-1);
    if (last === undefined) return;
    assert(last.revision >= watch.next, 'changes come in order of revision');
    watch.next = last.revision + 1;
    watch.sink.changes(fresh);
  }

  #send(request: Partial<WatchRequest>): void {
    this.#call.write(requestFrame(watchRequest, request));
  }
}

function cancelError({ compactRevision, cancelReason }: WatchAnswer): Error {
  if (compactRevision > 0) return new CompactedError(revision(compactRevision));
  return new GrpcError(grpcCode.canceled, cancelReason === '' ? 'the watch was canceled' : cancelReason);
}
