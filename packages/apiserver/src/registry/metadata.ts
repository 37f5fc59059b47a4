import { FieldError, formatTime, type Frozen, goQuote, type ObjectMeta, type Unstructured } from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceDefinition, Strategy } from './definition.ts';

/** Characters that the server appends to a generateName. */
const generatedLength = 5;
/** A generated name is cut so that with its suffix it has at most this many characters (upstream names/generate.go). */
const maxGeneratedName = 63;

/** `metadata` of a new object: what the server decides replaces what the client sent (rest.BeforeCreate). */
export function metadataForCreate(definition: ResourceDefinition, sent: Frozen<ObjectMeta>, context: RequestContext): ObjectMeta {
  const { annotations, finalizers, labels, ownerReferences } = sent;
  const name = sent.name === undefined || sent.name === '' ? generateName(sent.generateName ?? '', context) : sent.name;
  // Nobody counts it for kinds that have none, and it stays what the client says.
  const generation = definition.strategy.hasGeneration === true ? 1 : (sent.generation ?? 0);
  // In the order in which the members are written, so that nobody has to sort them.
  const metadata: { -readonly [K in keyof ObjectMeta]: ObjectMeta[K] } = {};
  if (annotations !== undefined) metadata.annotations = annotations;
  metadata.creationTimestamp = formatTime(context.clock.now());
  if (finalizers !== undefined) metadata.finalizers = finalizers;
  if (sent.generateName !== undefined) metadata.generateName = sent.generateName;
  if (generation !== 0) metadata.generation = generation;
  if (labels !== undefined) metadata.labels = labels;
  metadata.name = name;
  if (definition.namespaced) metadata.namespace = context.namespace;
  if (ownerReferences !== undefined) metadata.ownerReferences = ownerReferences;
  metadata.uid = context.random.uuid();
  return metadata;
}

export function generateName(base: string, context: RequestContext): string {
  if (base === '') return '';
  return base.slice(0, maxGeneratedName - generatedLength) + context.random.suffix(generatedLength);
}

/** `metadata` of an update: what only the server changes is taken from `old`, what is left out is kept (rest.BeforeUpdate). */
export function metadataForUpdate(sent: Frozen<ObjectMeta>, old: Frozen<ObjectMeta>): ObjectMeta {
  const { managedFields: _mf, selfLink: _sl, resourceVersion: _rv, creationTimestamp: _ct, generation: _g, ...client } = sent;
  const { deletionTimestamp, deletionGracePeriodSeconds } = old;
  return {
    ...client,
    ...pick(old, 'creationTimestamp'),
    ...pick(old, 'generation'),
    ...(client.uid === undefined || client.uid === '' ? pick(old, 'uid') : {}),
    ...(client.namespace === undefined || client.namespace === '' ? pick(old, 'namespace') : {}),
    // Nothing takes a deletion back; whether one may be put there is for validation to say.
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined || client.deletionGracePeriodSeconds !== undefined ? {} : { deletionGracePeriodSeconds }),
  } as ObjectMeta; // the fields keep the types that they have in `old`
}

function pick(old: Frozen<ObjectMeta>, field: keyof ObjectMeta): Partial<Record<keyof ObjectMeta, unknown>> {
  return old[field] === undefined ? {} : { [field]: old[field] };
}

/** The next `generation`: counts changes of anything but metadata and status. */
export function nextGeneration(strategy: Strategy, object: ApiObject, old: ApiObject, equal: Equality): ApiObject {
  if (strategy.hasGeneration !== true) return object;
  const sameAnnotations = strategy.generationCountsAnnotations !== true || equal(object.metadata.annotations, old.metadata.annotations);
  if (sameAnnotations && equal(desired(object), desired(old))) return object;
  const generation = Number(old.metadata.generation ?? 0) + 1;
  return { ...object, metadata: { ...object.metadata, generation } };
}

export type Equality = (a: unknown, b: unknown) => boolean;

function desired(object: ApiObject): Unstructured {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return rest as Unstructured; // compared only
}

/** Checks that no update may change what identifies an object, nor hold one back that is leaving. */
export function validateImmutableMetadata(object: ApiObject, old: ApiObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const before = old.metadata;
  if (before.deletionTimestamp !== undefined) {
    const added = (object.metadata.finalizers ?? []).filter((finalizer) => !(before.finalizers ?? []).includes(finalizer));
    if (added.length > 0) {
      const shown = added.toSorted().map(goQuote).join(', ');
      errors.push(
        FieldError.forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`,
        ),
      );
    }
  }
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    const after = object.metadata[field];
    if (after !== before[field]) errors.push(FieldError.invalid(`metadata.${field}`, after, 'field is immutable'));
  }
  return errors;
}
