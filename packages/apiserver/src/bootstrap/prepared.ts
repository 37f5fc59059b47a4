import { deepFreeze, formatTime, type Frozen, parseGroupVersion, type Unstructured } from '@coracle/apimachinery';
import type { RequestContext } from '../registry/definition.ts';
import type { NewValue } from '../storage/storage.ts';
import { bootstrapText } from './generated.ts';

/**
 * An object that every server holds, ready to be stored: defaulted, checked and in its wire form when this program was made
 * (`prepared.test.ts` compares it with what the registry makes of it). All but what differs in each cluster is shared.
 */
export interface Prepared {
  readonly namespace: string;
  readonly name: string;
  /** The object with the time and the uid of this cluster. */
  value(context: Pick<RequestContext, 'clock' | 'random'>): NewValue;
}

export interface PreparedResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly objects: readonly Prepared[];
}

let made: readonly PreparedResource[] | undefined;

/** What every server holds from the start, in the order in which it is written. */
export function preparedObjects(): readonly PreparedResource[] {
  made ??= Object.entries(bootstrapText).map(([path, text]) => {
    const slash = path.lastIndexOf('/');
    return { ...parseGroupVersion(path.slice(0, slash)), resource: path.slice(slash + 1), objects: text.split('\n').map(prepare) };
  });
  return made;
}

const timeKey = '"creationTimestamp":"';
const uidKey = '"uid":"';
const metadataKey = '"metadata":{';

function prepare(text: string): Prepared {
  const object = deepFreeze(JSON.parse(text) as Unstructured); // generated
  const { name = '', namespace = '' } = object.metadata;
  const time = text.indexOf(timeKey) + timeKey.length;
  const uid = text.indexOf(uidKey, time) + uidKey.length;
  const parts = [text.slice(0, time), text.slice(time, uid), text.slice(uid)];
  // Only kind and apiVersion are before metadata, and all of it is ASCII.
  const rvOffset = text.indexOf(metadataKey) + metadataKey.length;
  return { name, namespace, value: (context) => valueOf(object, parts, rvOffset, context) };
}

function valueOf(
  object: Frozen<Unstructured>,
  [before, between, after]: readonly string[],
  rvOffset: number,
  { clock, random }: Pick<RequestContext, 'clock' | 'random'>,
): NewValue {
  const [uid, creationTimestamp] = [random.uuid(), formatTime(clock.now())];
  const metadata = Object.freeze({ ...object.metadata, uid, creationTimestamp });
  return {
    bytes: Buffer.from(`${before}${creationTimestamp}${between}${uid}${after}`, 'latin1'),
    rvOffset,
    object: Object.freeze({ ...object, metadata }),
  };
}
