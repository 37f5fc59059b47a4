import {
  controllerOf,
  controllerReference,
  type Frozen,
  groupVersion,
  type GroupVersionKind,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  parseGroupVersion,
} from '@coracle/apimachinery';

/** What owns: an object as it was read. */
export interface Owner {
  readonly metadata: ObjectMeta | Frozen<ObjectMeta>;
}

/** How an object is owned (controllerutil.OwnerReferenceOption). */
export interface OwnershipOptions {
  /**
   * Whether an owner that is deleted in the foreground waits for the object to go. Default: of a controller true, of another owner what is
   * absent, which is false.
   */
  readonly blockOwnerDeletion?: boolean;
}

/** Somebody else manages the object already. */
export class AlreadyOwnedError extends Error {
  override readonly name = 'AlreadyOwnedError';
  readonly owner: OwnerReference;

  constructor(object: { readonly metadata: ObjectMeta }, owner: OwnerReference) {
    super(
      `Object ${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''} is already owned by another ${owner.kind} controller ${owner.name}`,
    );
    this.owner = owner;
  }
}

/**
 * A copy of `object` that `owner`, of `kind`, manages and that is deleted with it (controllerutil.SetControllerReference). Throws
 * AlreadyOwnedError, and RangeError for an owner in a namespace that the object is not in.
 */
export function setControllerReference<T extends KubeObject>(
  owner: Owner,
  kind: GroupVersionKind,
  object: T,
  { blockOwnerDeletion = true }: OwnershipOptions = {},
): T {
  const reference = { ...controllerReference(owner, kind), blockOwnerDeletion };
  const present = controllerOf(object);
  if (present !== undefined && !isSameOwner(present, reference)) throw new AlreadyOwnedError(object, present);
  return withReference(owner, object, reference);
}

/** As `setControllerReference`, for one of several owners: the object goes when all of them have gone (controllerutil.SetOwnerReference). */
export function setOwnerReference<T extends KubeObject>(
  owner: Owner,
  kind: GroupVersionKind,
  object: T,
  { blockOwnerDeletion }: OwnershipOptions = {},
): T {
  const reference = referenceOf(owner, kind);
  return withReference(owner, object, blockOwnerDeletion === undefined ? reference : { ...reference, blockOwnerDeletion });
}

/** `object`, or a copy that `owner` does not own, in whatever way it did (controllerutil.RemoveOwnerReference, which refuses an object without). */
export function withoutOwnerReference<T extends KubeObject>(owner: Owner, kind: GroupVersionKind, object: T): T {
  if (!hasOwnerReference(owner, kind, object)) return object;
  const reference = referenceOf(owner, kind);
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter((other) => !isSameOwner(other, reference));
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

/**
 * `object`, or a copy that `owner`, which was its controller, does not own (controllerutil.RemoveControllerReference, which refuses an
 * object that it does not control). An owner that does not control it goes on to own it.
 */
export function withoutControllerReference<T extends KubeObject>(owner: Owner, kind: GroupVersionKind, object: T): T {
  const present = controllerOf(object);
  return present !== undefined && isSameOwner(present, referenceOf(owner, kind)) ? withoutOwnerReference(owner, kind, object) : object;
}

/** Whether somebody manages `object` (controllerutil.HasControllerReference). */
export function hasControllerReference(object: Owner): boolean {
  return controllerOf(object) !== undefined;
}

/** Whether `owner` owns `object`, by group, kind and name, as one of several or as its controller (controllerutil.HasOwnerReference). */
export function hasOwnerReference(owner: Owner, kind: GroupVersionKind, object: Owner): boolean {
  const reference = referenceOf(owner, kind);
  return object.metadata.ownerReferences?.some((other) => isSameOwner(other, reference)) ?? false;
}

function referenceOf({ metadata }: Owner, { group, version, kind }: GroupVersionKind): OwnerReference {
  return { apiVersion: groupVersion({ group, version }), kind, name: metadata.name ?? '', uid: metadata.uid ?? '' };
}

/** In place of what was there of the same owner, so that nothing else moves. */
function withReference<T extends KubeObject>(owner: Owner, object: T, reference: OwnerReference): T {
  checkNamespaces(owner.metadata.namespace ?? '', object.metadata.namespace ?? '');
  const references = object.metadata.ownerReferences ?? [];
  const at = references.findIndex((other) => isSameOwner(other, reference));
  const ownerReferences = at < 0 ? [...references, reference] : references.with(at, reference);
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

/** The garbage collector looks for an owner in the object's namespace, or in none; it would find none and delete the object. */
function checkNamespaces(ofOwner: string, ofObject: string): void {
  if (ofOwner === '' || ofOwner === ofObject) return;
  throw new RangeError(
    ofObject === ''
      ? `cluster-scoped resource must not have a namespace-scoped owner, owner's namespace ${ofOwner}`
      : `cross-namespace owner references are disallowed, owner's namespace ${ofOwner}, obj's namespace ${ofObject}`,
  );
}

/** `b` is one of ours: its version is one. */
function isSameOwner(a: Frozen<OwnerReference>, b: OwnerReference): boolean {
  return a.name === b.name && isOfKind(a, { group: parseGroupVersion(b.apiVersion).group, kind: b.kind });
}

/** Whether an owner is of a kind, in any version. Of none, when its `apiVersion` is not well-formed. */
export function isOfKind({ apiVersion, kind }: Frozen<OwnerReference>, of: { readonly group: string; readonly kind: string }): boolean {
  const { group, version } = parseGroupVersion(apiVersion);
  return kind === of.kind && group === of.group && !version.includes('/');
}
