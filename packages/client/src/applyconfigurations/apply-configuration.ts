import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';

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
  const owned = (entry.fieldsV1 === undefined ? {} : ownedPart(object, entry.fieldsV1)) as Readonly<Record<string, unknown>>;
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

/** FieldsV1: `f:name` a member, `k:{…}` an element by its keys, `v:…` an element by its value, `.` the thing itself. Empty: all of it. */
type Fields = { readonly [key: string]: Fields };

function ownedPart(value: unknown, fields: Fields): unknown {
  const keys = Object.keys(fields).filter((key) => key !== '.');
  if (keys.length === 0) return value;
  if (Array.isArray(value)) return value.flatMap((element) => ownedElement(element, fields));
  if (typeof value !== 'object' || value === null) return value;
  const members = keys.flatMap((key): [string, unknown][] => {
    const name = key.slice(2);
    const below = fields[key];
    if (!key.startsWith('f:') || below === undefined || !Object.hasOwn(value, name)) return [];
    return [[name, ownedPart((value as Readonly<Record<string, unknown>>)[name], below)]];
  });
  return Object.fromEntries(members);
}

function ownedElement(element: unknown, fields: Fields): readonly unknown[] {
  for (const [key, below] of Object.entries(fields)) {
    if (key.startsWith('v:') && JSON.stringify(element) === key.slice(2)) return [element];
    if (!key.startsWith('k:') || typeof element !== 'object' || element === null) continue;
    const names = JSON.parse(key.slice(2)) as Readonly<Record<string, unknown>>;
    const isIt = Object.entries(names).every(([name, value]) => (element as Readonly<Record<string, unknown>>)[name] === value);
    if (isIt) return [{ ...names, ...(ownedPart(element, below) as object) }];
  }
  return [];
}
