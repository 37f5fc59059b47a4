import {
  type Frozen,
  isForbidden,
  isUnauthorized,
  newInternalError,
  type Status,
  type StatusError,
  statusErrorOf,
  type WatchFrame,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Watcher } from '../cache/list-watch.ts';
import { resourceVersionOf } from '../cache/keys.ts';
import { WatchStream } from '../cache/watch-stream.ts';

/** What `retryWatcher` takes. */
export interface RetryWatcherOptions {
  readonly process: Process;
  readonly watcher: Watcher;
  /** What happened after this version is told. */
  readonly resourceVersion: string;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** Between the beginnings of two watches at least. Default 1,000. */
  readonly minRestartMs?: number;
}

/** How one watch went: over for good, or to be made again after a wait. */
type Outcome = { readonly isOver: true } | { readonly isOver: false; readonly afterMs: number };

const restart: Outcome = { isOver: false, afterMs: 0 };

/**
 * Watches on from one version, whatever cuts the connection; each event comes once, in order (tools/watch RetryWatcher). It ends with an
 * ERROR event when the version is too old, which only a new list can cure, or when the server does not let us watch. Bookmarks move the
 * version and are not told. Throws RangeError for the versions "" and "0", from which a watch would begin with any old state.
 */
export function retryWatcher(options: RetryWatcherOptions): AsyncGenerator<WatchFrame, void, undefined> {
  const { resourceVersion } = options;
  if (resourceVersion === '' || resourceVersion === '0')
    throw new RangeError(`Cannot watch from version ${JSON.stringify(resourceVersion)}`);
  return watchAgainAndAgain(options);
}

async function* watchAgainAndAgain(options: RetryWatcherOptions): AsyncGenerator<WatchFrame, void, undefined> {
  const { process, minRestartMs = 1000 } = options;
  const signal = options.signal ?? process.signal;
  const position = { resourceVersion: options.resourceVersion };
  while (!signal.aborted) {
    const startedMs = process.clock.monotonic();
    const outcome = yield* watchOnce(options, position, signal);
    if (outcome.isOver || signal.aborted) return;
    const restMs = startedMs + minRestartMs - process.clock.monotonic();
    try {
      await process.clock.sleep(Math.max(0, outcome.afterMs, restMs), { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function* watchOnce(
  { process, watcher }: RetryWatcherOptions,
  position: { resourceVersion: string },
  signal: AbortSignal,
): AsyncGenerator<WatchFrame, Outcome, undefined> {
  const stream = new WatchStream(process.clock, signal);
  try {
    await stream.open(watcher, { resourceVersion: position.resourceVersion, allowWatchBookmarks: true });
    for (let frames = await stream.next(); frames !== undefined; frames = await stream.next()) {
      for (const frame of frames) {
        const { type, object } = frame;
        if (type === 'ERROR') {
          const { code, details } = object as Frozen<Status>; // an ERROR frame carries a Status
          if (code === 410) {
            yield frame;
            return { isOver: true };
          }
          return { isOver: false, afterMs: (details?.retryAfterSeconds ?? 0) * 1000 };
        }
        const version = resourceVersionOf(object);
        const isKnown = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
        if (!isKnown || version === '') {
          yield errorFrame(
            newInternalError(isKnown ? 'the object of a watch event has no resourceVersion' : `unknown watch event type "${type}"`),
          );
          return { isOver: true };
        }
        if (type !== 'BOOKMARK') yield frame;
        position.resourceVersion = version;
      }
    }
    return restart;
  } catch (error) {
    if (signal.aborted) return { isOver: true };
    const refusal = statusErrorOf(error);
    if (refusal !== undefined && (isForbidden(error) || isUnauthorized(error))) {
      yield errorFrame(refusal);
      return { isOver: true };
    }
    // Too old, broken, refused: in the next watch the server says what it is.
    process.log.debug('Watch failed, making another', { error: String(error) });
    return restart;
  } finally {
    await stream.end();
  }
}

function errorFrame(error: StatusError): WatchFrame {
  return { type: 'ERROR', object: { apiVersion: 'v1', kind: 'Status', ...error.status } as WatchFrame['object'] };
}
