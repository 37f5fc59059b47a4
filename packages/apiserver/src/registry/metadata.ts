import { FieldError, type Frozen, type ObjectMeta, type Unstructured } from '@coracle/apimachinery';
import { formatTime } from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceDefinition } from './definition.ts';

/** Characters that the server appends to a generateName. */
const generatedLength = 5;
/** A generated name is cut so that with its suffix it has at most this many characters (upstream names/generate.go). */
const maxGeneratedName = 63;

/** `metadata` of a new object: what the server decides replaces what the client sent (rest.BeforeCreate). */
export function metadataForCreate(
  definition: ResourceDefinition,
  sent: Frozen<ObjectMeta>,
  context: RequestContext,
): ObjectMeta {
  const { resourceVersion: _rv, deletionTimestamp: _dt, deletionGracePeriodSeconds: _dg, managedFields: _mf, ...rest } = sent;
  const { selfLink: _sl, generation: _g, namespace: _ns, ...kept } = rest;
  return {
    ...kept,
    name: sent.name === undefined || sent.name === '' ? generateName(sent.generateName ?? '', context) : sent.name,
    ...(definition.namespaced ? { namespace: context.namespace } : {}),
    uid: context.random.uuid(),
    creationTimestamp: formatTime(context.clock.now()),
    ...(definition.strategy.hasGeneration === true ? { generation: 1 } : {}),
  };
}

export function generateName(base: string, context: RequestContext): string {
  if (base === '') return '';
  return base.slice(0, maxGeneratedName - generatedLength) + context.random.suffix(generatedLength);
}

/** `metadata` of an update: what only the server changes is taken from `old` (rest.BeforeUpdate). */
export function metadataForUpdate(sent: Frozen<ObjectMeta>, old: Frozen<ObjectMeta>): ObjectMeta {
  const { managedFields: _mf, selfLink: _sl, resourceVersion: _rv, ...rest } = sent;
  const owned: Partial<Record<keyof ObjectMeta, unknown>> = {};
  const serverOwned = ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'uid'] as const;
  const { creationTimestamp: _c, deletionTimestamp: _d, deletionGracePeriodSeconds: _p, generation: _g, uid: _u, ...client } = rest;
  for (const field of serverOwned) if (old[field] !== undefined) owned[field] = old[field];
  return { ...client, ...owned } as ObjectMeta; // the fields keep the types that they have in `old`
}

/** The next `generation`: counts changes of anything but metadata and status. */
export function nextGeneration(definition: ResourceDefinition, object: ApiObject, old: ApiObject, equal: Equality): ApiObject {
  if (definition.strategy.hasGeneration !== true) return object;
  if (equal(desired(object), desired(old))) return object;
  const generation = Number(old.metadata.generation ?? 0) + 1;
  return { ...object, metadata: { ...object.metadata, generation } };
}

export type Equality = (a: unknown, b: unknown) => boolean;

function desired(object: ApiObject): Unstructured {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return rest as Unstructured; // compared only
}

/** Checks that no update may change what identifies an object. */
export function validateImmutableMetadata(object: ApiObject, old: ApiObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    const before = old.metadata[field];
    const after = object.metadata[field];
    if (after !== before) errors.push(FieldError.invalid(`metadata.${field}`, after, 'field is immutable'));
  }
  return errors;
}
