import {
  controllerOf,
  controllerReference,
  type GroupVersionKind,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  parseGroupVersion,
} from '@coracle/apimachinery';

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

/** A copy of `object` that `owner` manages and that is deleted with it. Throws AlreadyOwnedError (controllerutil.SetControllerReference). */
export function setControllerReference<T extends KubeObject>(
  owner: { readonly metadata: ObjectMeta },
  kind: GroupVersionKind,
  object: T,
): T {
  const reference = controllerReference(owner, kind);
  const present = controllerOf(object);
  if (present !== undefined && present.uid !== reference.uid) throw new AlreadyOwnedError(object, present);
  const others = (object.metadata.ownerReferences ?? []).filter((other) => !isSameOwner(other, reference));
  return { ...object, metadata: { ...object.metadata, ownerReferences: [...others, reference] } };
}

function isSameOwner(a: OwnerReference, b: OwnerReference): boolean {
  return a.name === b.name && a.kind === b.kind && parseGroupVersion(a.apiVersion).group === parseGroupVersion(b.apiVersion).group;
}
