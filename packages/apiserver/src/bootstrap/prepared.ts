import { deepFreeze, formatTime, type Frozen, parseGroupVersion, type Unstructured } from '@coracle/apimachinery';
import type { RequestContext } from '../registry/definition.ts';
import type { NewValue } from '../storage/storage.ts';

/**
 * An object that every cluster of a kind holds, ready to be stored: defaulted, checked and in its wire form when this program was made.
 * All but what differs in each cluster is shared.
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

/**
 * What is to be written, from its generated text: by resource (`v1/namespaces`), one object a line, as a registry would store it but
 * with empty times and an empty uid; of ASCII only.
 */
export function prepareObjects(text: Readonly<Record<string, string>>): readonly PreparedResource[] {
  return Object.entries(text).map(([path, lines]) => {
    const slash = path.lastIndexOf('/');
    return { ...parseGroupVersion(path.slice(0, slash)), resource: path.slice(slash + 1), objects: lines.split('\n').map(prepare) };
  });
}

/** What differs in each cluster, left empty in the text. */
const holes = /(?<="(?:creationTimestamp|lastTransitionTime)":")(?=")|(?<="uid":")(?=")/g;
const uidKey = '"uid":"';
const metadataKey = '"metadata":{';

function prepare(text: string): Prepared {
  const object = deepFreeze(JSON.parse(text) as Unstructured); // generated
  const { name = '', namespace = '' } = object.metadata;
  // Only kind and apiVersion are before metadata, and all of it is ASCII.
  const rvOffset = text.indexOf(metadataKey) + metadataKey.length;
  const parts = text.split(holes);
  return { name, namespace, value: (context) => valueOf(object, parts, rvOffset, context) };
}

function valueOf(
  object: Frozen<Unstructured>,
  parts: readonly string[],
  rvOffset: number,
  { clock, random }: Pick<RequestContext, 'clock' | 'random'>,
): NewValue {
  const [uid, creationTimestamp] = [random.uuid(), formatTime(clock.now())];
  const text = parts.reduce((before, after) => before + (before.endsWith(uidKey) ? uid : creationTimestamp) + after);
  const isShared = parts.length === 3; // only the metadata have holes
  const own = isShared
    ? Object.freeze({ ...object, metadata: Object.freeze({ ...object.metadata, uid, creationTimestamp }) })
    : deepFreeze(JSON.parse(text) as Unstructured);
  return { bytes: Buffer.from(text, 'latin1'), rvOffset, object: own };
}
