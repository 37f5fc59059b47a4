import { type Frozen, type KubeObject, type OwnerReference, parseGroupVersion } from '@coracle/apimachinery';

/** Finalizers by which the API server asks the garbage collector to act before an object goes (metav1). */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export interface ObjectIdentity {
  readonly apiVersion: string;
  readonly kind: string;
  /** '' for the cluster scope; of an owner that was never seen: the namespace of whoever names it. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** An object as far as ownership goes. */
export interface GraphNode {
  readonly identity: ObjectIdentity;
  readonly owners: readonly OwnerReference[];
  /** Seen by a monitor. Otherwise somebody names it as an owner, and nobody knows whether it is there. */
  readonly observed: boolean;
  readonly beingDeleted: boolean;
  /** Stays until the dependents that block it are gone. */
  readonly deletingDependents: boolean;
}

/** What has to be looked at because of a change: uids. */
export interface GraphEffects {
  readonly attemptToDelete: readonly string[];
  readonly attemptToOrphan: readonly string[];
}

/** Who owns whom, by uid (pkg/controller/garbagecollector graph_builder.go). Fed by monitors; does no I/O. */
export class Graph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get size(): number {
    return this.#nodes.size;
  }

  node(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): readonly GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  /** Dependents that the foreground deletion of `owner` waits for. One in another namespace names it by mistake. */
  blockersOf(owner: GraphNode): readonly GraphNode[] {
    const { uid, namespace } = owner.identity;
    return this.dependentsOf(uid).filter(
      (dependent) =>
        (namespace === '' || dependent.identity.namespace === namespace) &&
        dependent.owners.some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true),
    );
  }

  /** An object was seen, as it is now; `previous` as it was, unless this is the first time. */
  observed(previous: Frozen<KubeObject> | undefined, object: Frozen<KubeObject>): GraphEffects {
    const uid = object.metadata.uid ?? '';
    const known = this.#nodes.get(uid);
    const owners = object.metadata.ownerReferences ?? [];
    const node: GraphNode = {
      identity: identityOf(object),
      owners,
      observed: true,
      beingDeleted: known?.beingDeleted === true || object.metadata.deletionTimestamp !== undefined,
      deletingDependents: known?.deletingDependents === true || isWaitingFor(object, foregroundFinalizer),
    };
    const attemptToDelete = new Set<string>(this.#unblockedOwners(known?.owners ?? [], owners));
    this.#nodes.set(uid, node);
    for (const { uid: owner } of known?.owners ?? []) if (!owners.some((reference) => reference.uid === owner)) this.#unlink(owner, uid);
    for (const reference of owners) {
      if (known?.owners.some((before) => before.uid === reference.uid) === true) continue;
      const owner = this.#nodes.get(reference.uid);
      this.#link(reference, uid, node.identity.namespace);
      if (owner === undefined)
        attemptToDelete.add(reference.uid); // finds out whether it exists
      // Came too late to be told with the others, or means by this uid something else than the graph does.
      else if (owner.deletingDependents || !isSameObject(owner.identity, reference, node.identity.namespace)) attemptToDelete.add(uid);
    }
    const attemptToOrphan: string[] = [];
    if (starts(previous, object, orphanFinalizer)) attemptToOrphan.push(uid);
    else if (starts(previous, object, foregroundFinalizer)) {
      for (const dependent of this.#dependents.get(uid) ?? []) attemptToDelete.add(dependent);
      attemptToDelete.add(uid);
    }
    return { attemptToDelete: [...attemptToDelete], attemptToOrphan };
  }

  /** An object is gone: its dependents are looked at, and owners that waited for it. */
  gone(uid: string): GraphEffects & { readonly hadDependents: boolean } {
    const node = this.#nodes.get(uid);
    if (node === undefined) return { attemptToDelete: [], attemptToOrphan: [], hadDependents: false };
    const dependents = [...(this.#dependents.get(uid) ?? [])];
    this.#nodes.delete(uid);
    for (const owner of node.owners) this.#unlink(owner.uid, uid);
    if (dependents.length === 0) this.#dependents.delete(uid);
    const waiting = node.owners.filter((owner) => this.#nodes.get(owner.uid)?.deletingDependents === true);
    return {
      attemptToDelete: [...dependents, ...waiting.map((owner) => owner.uid)],
      attemptToOrphan: [],
      hadDependents: dependents.length > 0,
    };
  }

  #link(reference: OwnerReference, dependent: string, namespace: string): void {
    const dependents = this.#dependents.get(reference.uid);
    if (dependents === undefined) this.#dependents.set(reference.uid, new Set([dependent]));
    else dependents.add(dependent);
    if (this.#nodes.has(reference.uid)) return;
    const { apiVersion, kind, name, uid } = reference;
    this.#nodes.set(uid, {
      identity: { apiVersion, kind, namespace, name, uid },
      owners: [],
      observed: false,
      beingDeleted: false,
      deletingDependents: false,
    });
  }

  /** An owner that was never seen is forgotten with its last dependent. */
  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(dependent);
    if (dependents === undefined || dependents.size > 0) return;
    this.#dependents.delete(owner);
    if (this.#nodes.get(owner)?.observed === false) this.#nodes.delete(owner);
  }

  /** Owners that a dependent blocked and does not block any more. */
  #unblockedOwners(before: readonly OwnerReference[], after: readonly OwnerReference[]): readonly string[] {
    const blocked = before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true);
    const freed = blocked.filter(({ uid }) => !after.some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true));
    return freed.map(({ uid }) => uid).filter((uid) => this.#nodes.has(uid));
  }
}

function identityOf({ apiVersion = '', kind = '', metadata }: Frozen<KubeObject>): ObjectIdentity {
  const { namespace = '', name = '', uid = '' } = metadata;
  return { apiVersion, kind, namespace, name, uid };
}

/** A reference is only as good as its author: the uid may be that of another object. */
function isSameObject(identity: ObjectIdentity, reference: OwnerReference, namespace: string): boolean {
  const { group } = parseGroupVersion(identity.apiVersion);
  const sameKind = identity.kind === reference.kind && group === parseGroupVersion(reference.apiVersion).group;
  return sameKind && identity.name === reference.name && (identity.namespace === '' || identity.namespace === namespace);
}

function isWaitingFor(object: Frozen<KubeObject>, finalizer: string): boolean {
  return object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(finalizer);
}

function starts(before: Frozen<KubeObject> | undefined, object: Frozen<KubeObject>, finalizer: string): boolean {
  return isWaitingFor(object, finalizer) && (before === undefined || !isWaitingFor(before, finalizer));
}
