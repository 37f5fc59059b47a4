import { deepFreeze, type Frozen, type KubeObject, wireEqual } from '@coracle/apimachinery';

/** Every member may be absent, at every depth. */
export type DeepPartial<T> = T extends readonly (infer E)[]
  ? readonly DeepPartial<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/**
 * The part of an object that one manager wants, for server-side apply (client-go applyconfigurations). Types only: what is absent is
 * left to others, what is there is owned. The name must be there.
 */
export type ApplyConfiguration<T extends KubeObject> = Omit<DeepPartial<T>, 'metadata'> & {
  readonly metadata: DeepPartial<T['metadata']> & { readonly name: string };
};

/**
 * What `fieldManager` owns of `object` by its last apply, as a configuration to change and apply again (client-go ExtractPod and its
 * sisters). Undefined when it has not applied yet. `subresource` is '' for the object itself, `status` for what was applied there.
 */
export function extractApplyConfiguration<T extends KubeObject>(
  object: T | Frozen<T>,
  fieldManager: string,
  subresource = '',
): Frozen<ApplyConfiguration<T>> | undefined {
  const { apiVersion, kind, metadata } = object as KubeObject; // both forms are
  const entries = (metadata.managedFields ?? []) as readonly ManagedFields[]; // meta/v1 ManagedFieldsEntry
  const entry = entries.find(
    (each) => each.manager === fieldManager && each.operation === 'Apply' && (each.subresource ?? '') === subresource,
  );
  if (entry === undefined) return undefined;
  const everybodys = entries.flatMap(({ fieldsV1 }) => fieldsV1 ?? []);
  const owned = (entry.fieldsV1 === undefined ? {} : ownedPart(object, entry.fieldsV1, everybodys)) as Readonly<Record<string, unknown>>;
  const { name = '', namespace } = metadata;
  const identity = {
    ...(typeof owned['metadata'] === 'object' ? owned['metadata'] : {}),
    name,
    ...(namespace === undefined ? {} : { namespace }),
  };
  // A part of T by construction, with the name that the type asks for.
  return deepFreeze({
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    ...owned,
    metadata: identity,
  } as unknown) as Frozen<ApplyConfiguration<T>>;
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Fields;
}

/** FieldsV1: `f:name` a member, `k:{…}` an element by its keys, `v:…` an element by its value, `.` the thing itself. Empty: see `leaf`. */
type Fields = { readonly [key: string]: Fields };

/** `everybodys` are the fields of all managers, at the same place. */
function ownedPart(value: unknown, fields: Fields, everybodys: readonly Fields[]): unknown {
  const keys = Object.keys(fields).filter((key) => key !== '.');
  if (keys.length === 0) return leaf(value, everybodys);
  if (Array.isArray(value)) return ownedElements(value, fields, everybodys);
  if (typeof value !== 'object' || value === null) return value;
  const members = keys.flatMap((key): [string, unknown][] => {
    const name = key.slice(2);
    const below = fields[key];
    if (!key.startsWith('f:') || below === undefined || !Object.hasOwn(value, name)) return [];
    return [[name, ownedPart((value as Readonly<Record<string, unknown>>)[name], below, at(key, everybodys))]];
  });
  return Object.fromEntries(members);
}

/** All of a scalar, or of what is owned as a whole. Where others own parts, whoever owns none applied it empty. */
function leaf(value: unknown, everybodys: readonly Fields[]): unknown {
  const isOwnedInParts = everybodys.some((fields) => Object.keys(fields).some((key) => key !== '.'));
  if (!isOwnedInParts || typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? [] : {};
}

function ownedElements(elements: readonly unknown[], fields: Fields, everybodys: readonly Fields[]): readonly unknown[] {
  const owned = Object.keys(fields).flatMap((key) => {
    const isByValue = key.startsWith('v:');
    return isByValue || key.startsWith('k:') ? [{ key, isByValue, known: JSON.parse(key.slice(2)) as unknown }] : [];
  });
  return elements.flatMap((element) => {
    const found = owned.find(({ isByValue, known }) => (isByValue ? wireEqual(element, known) : hasKeys(element, known)));
    if (found === undefined) return [];
    const { key, isByValue, known } = found;
    return isByValue ? [element] : [{ ...(known as object), ...(ownedPart(element, fields[key] ?? {}, at(key, everybodys)) as object) }];
  });
}

function hasKeys(element: unknown, keys: unknown): boolean {
  if (typeof element !== 'object' || element === null) return false;
  return Object.entries(keys as object).every(([name, value]) => (element as Readonly<Record<string, unknown>>)[name] === value);
}

function at(key: string, everybodys: readonly Fields[]): readonly Fields[] {
  return everybodys.flatMap((fields) => (Object.hasOwn(fields, key) ? [fields[key] ?? {}] : []));
}
