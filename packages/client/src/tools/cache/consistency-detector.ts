import { type Frozen, wireEqual } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Transform } from './deltas.ts';
import type { ListWatch } from './list-watch.ts';
import { metaOf } from './keys.ts';
import { isExpired } from './reflector-errors.ts';

/** Switches the check on for every reflector of a program, as of upstream's. */
const variable = 'KUBE_WATCHLIST_INCONSISTENCY_DETECTOR';
const retryMs = 1000;
/** Objects that the error names. */
const mostNamed = 5;
/** What Go's strconv.ParseBool takes for true. */
const truths: readonly (string | undefined)[] = ['1', 't', 'T', 'true', 'TRUE', 'True'];

/** Whether streamed lists are to be checked (client-go util/consistencydetector IsDataConsistencyDetectionForWatchListEnabled). */
export function isDetectorOn(environment: Readonly<Record<string, string | undefined>>): boolean {
  return truths.includes(environment[variable]);
}

/** A list that a stream brought, and how to read it once more. */
export interface StreamedList<T> {
  readonly process: Process;
  /** Of the reflector. */
  readonly name: string;
  readonly listWatch: Pick<ListWatch<T>, 'list'>;
  /** Was applied to `objects`. */
  readonly transform: Transform<T> | undefined;
  readonly objects: readonly Frozen<T>[];
  /** Of the bookmark that ended the list. */
  readonly resourceVersion: string;
}

/**
 * Lists at exactly the version that was streamed, and throws Error when it finds something else: a server that streams another state than it
 * lists is broken, and every decision over that cache wrong (client-go util/consistencydetector CheckDataConsistency). Tries each second
 * until it is answered; gives up, without a word on the list, when `signal` aborts or the server has dropped the version. Meant for tests:
 * everything is read twice.
 */
export async function checkStreamedList<T>(streamed: StreamedList<T>, signal: AbortSignal): Promise<void> {
  const { process, name, listWatch, transform, objects, resourceVersion } = streamed;
  if (resourceVersion === '' || resourceVersion === '0') {
    process.log.debug('Cannot check a streamed list, it has no version', { resource: name });
    return;
  }
  process.log.warn('Checking a streamed list, which reads everything twice', { resource: name });
  let listed: readonly Frozen<T>[] | undefined;
  while (listed === undefined) {
    try {
      listed = (await listWatch.list({ resourceVersion, resourceVersionMatch: 'Exact' }, { signal })).items;
    } catch (error) {
      if (signal.aborted) return;
      process.log.warn('Cannot list to check a streamed list', { resource: name, error: String(error) });
      if (isExpired(error)) return;
      await process.clock.sleep(retryMs, { signal }).catch(() => undefined); // aborted
      if (signal.aborted) return;
    }
  }
  const different = differences(transform === undefined ? listed : listed.map((object) => transform(object)), objects);
  if (different.length === 0) return;
  const named = different.slice(0, mostNamed).join(', ');
  const more = different.length > mostNamed ? `, and ${different.length - mostNamed} more` : '';
  throw new Error(`Data inconsistency detected for ${name} at version ${resourceVersion}: ${named}${more}`);
}

function differences<T>(listed: readonly Frozen<T>[], streamed: readonly Frozen<T>[]): string[] {
  const rest = new Map(streamed.map((object) => [identityOf(object), object]));
  const found: string[] = [];
  for (const object of listed) {
    const identity = identityOf(object);
    const same = rest.get(identity);
    rest.delete(identity);
    if (same === undefined) found.push(`${identity} was not streamed`);
    else if (!wireEqual(object, same)) found.push(`${identity} was streamed with other content`);
  }
  return [...found, ...[...rest.keys()].map((identity) => `${identity} is not listed`)];
}

function identityOf(object: unknown): string {
  const { namespace = '', name = '', uid = '' } = metaOf(object);
  return `${namespace === '' ? '' : `${namespace}/`}${name} (${uid})`;
}
