import {
  deepFreeze,
  type Frozen,
  getOwn,
  hasOwn,
  isAlreadyExists,
  isNotFound,
  type KubeObject,
  mapFrom,
  parseGroupVersion,
  readJson,
  semanticEqual,
  sortedEntries,
  StatusError,
  withEntry,
  type WireMap,
  withoutEntry,
  writeJson,
} from '@coracle/apimachinery';
import { type Clientset, DiscoveryClient, NoMatchError, type ResourceHandle, resources, RestMapper } from '@coracle/client';
import { ManifestError, type ManifestObject } from './manifest.ts';

/** What became of an object of a manifest. `left as it is`: it is there, and nobody applied it before. */
export type Applied = 'created' | 'configured' | 'unchanged' | 'left as it is';

/** Where kubectl too keeps what was applied last. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const write = { fieldManager: 'coracle', fieldValidation: 'Strict' } as const;
/** How long the definition of a kind may take until it is served. */
const establishedWithinMs = 10_000;
const lookEveryMs = 25;

/**
 * Applies objects, in order: creates what is not there, and of what is there changes what the manifest has otherwise than when it
 * was applied last. Unlike `kubectl apply` it takes back nothing that was changed in the cluster meanwhile: a manifest that
 * is the same as before changes nothing, so that a cluster goes on as it was. Throws ManifestError.
 */
export async function applyManifest(
  clientset: Clientset,
  objects: readonly ManifestObject[],
  onApplied: (object: KubeObject, applied: Applied) => void,
): Promise<void> {
  const mapper = new RestMapper(new DiscoveryClient(clientset.rest));
  for (const { object, where } of objects) {
    try {
      onApplied(object, await applyOne(clientset, await handleOf(clientset, mapper, object), object));
    } catch (error) {
      if (!(error instanceof NoMatchError) && !(error instanceof StatusError)) throw error;
      const fault =
        error instanceof StatusError
          ? error.message
          : `no resource serves kind "${object.kind ?? ''}" of ${object.apiVersion ?? ''}: is its CustomResourceDefinition applied?`;
      throw new ManifestError(`Cannot apply ${object.kind ?? ''} "${object.metadata.name ?? ''}", ${where}: ${fault}`, { cause: error });
    }
  }
}

async function applyOne(clientset: Clientset, handle: ResourceHandle, object: KubeObject): Promise<Applied> {
  const client = clientset.resource(handle, handle.namespaced ? (object.metadata.namespace ?? 'default') : '');
  const name = object.metadata.name ?? '';
  const found = await client.get(name).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const wanted = unmarked(object);
  const text = `${writeJson(wanted)}\n`;
  if (found === undefined) {
    try {
      await client.create(deepFreeze(marked(wanted, text)), write);
      return 'created';
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return 'left as it is'; // somebody was faster
    }
  }
  const before = getOwn(found.metadata.annotations as WireMap | undefined, lastApplied);
  if (before === undefined) return 'left as it is';
  if (before === text) return 'unchanged';
  await client.patch(name, 'merge', mergePatch(noted(before), marked(wanted, text)), write);
  return 'configured';
}

/** What was applied last. A note that cannot be read says nothing: kubectl too then goes by the manifest alone. */
function noted(text: string): unknown {
  try {
    return readJson(text).value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The handle of a kind. A definition that is there, but not served yet, is waited for. Throws NoMatchError. */
async function handleOf(clientset: Clientset, mapper: RestMapper, object: KubeObject): Promise<ResourceHandle> {
  const { group, version } = parseGroupVersion(object.apiVersion ?? '');
  const kind = object.kind ?? '';
  const { clock } = clientset.process;
  const deadlineMs = clock.monotonic() + establishedWithinMs;
  for (;;) {
    try {
      return await mapper.handleForKind({ group, version, kind });
    } catch (error) {
      if (!(error instanceof NoMatchError) || clock.monotonic() > deadlineMs || !(await isDefined(clientset, group, kind))) throw error;
    }
    await clock.sleep(lookEveryMs);
  }
}

async function isDefined(clientset: Clientset, group: string, kind: string): Promise<boolean> {
  const { items } = await clientset.resource(resources.apiextensions.v1.customResourceDefinitions).list();
  return items.some(({ spec }) => spec.group === group && spec.names.kind === kind);
}

function unmarked(object: KubeObject): KubeObject {
  const annotations = withoutEntry(object.metadata.annotations as WireMap | undefined, lastApplied);
  const { annotations: _, ...metadata } = object.metadata;
  return { ...object, metadata: annotations === undefined ? metadata : { ...metadata, annotations } };
}

function marked(object: KubeObject, text: string): KubeObject {
  const annotations = withEntry(object.metadata.annotations as WireMap | undefined, lastApplied, text);
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** A JSON merge patch that makes of `before` what `after` is: lists as a whole, null for what is gone. */
export function mergePatch(before: unknown, after: unknown): Frozen<unknown> {
  return deepFreeze(differenceOf(before, after));
}

function differenceOf(before: unknown, after: unknown): unknown {
  if (!isMap(before) || !isMap(after)) return after;
  const entries: [string, unknown][] = [];
  for (const [key, value] of sortedEntries(after)) {
    const old = hasOwn(before, key) ? before[key] : undefined;
    if (!hasOwn(before, key) || !semanticEqual(old, value)) entries.push([key, differenceOf(old, value)]);
  }
  for (const [key] of sortedEntries(before)) if (!hasOwn(after, key)) entries.push([key, null]);
  return mapFrom(entries);
}

function isMap(value: unknown): value is WireMap<unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
