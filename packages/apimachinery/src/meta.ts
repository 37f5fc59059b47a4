import type { Frozen } from './frozen.ts';

/** Types of meta/v1 (k8s.io/apimachinery pkg/apis/meta/v1), in the wire's spelling. */

export interface TypeMeta {
  readonly apiVersion?: string;
  readonly kind?: string;
}

/** An object that goes when all of its owners have gone; one of them may manage it, which is its controller (meta/v1 OwnerReference). */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** What every stored object has (meta/v1 ObjectMeta). Times are in RFC 3339, whole seconds. */
export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly selfLink?: string;
  readonly uid?: string;
  /** Decimal; opaque to clients but comparable. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, seconds. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
}

/** The version of a list, and how to get the rest of one that comes in pages (meta/v1 ListMeta). */
export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** What every kind has. */
export interface KubeObject extends TypeMeta {
  readonly metadata: ObjectMeta;
}

/** An object of which only the common part is known. */
export interface Unstructured extends KubeObject {
  readonly [field: string]: unknown;
}

/** A list as servers send it: its items, and the version at which it is complete. */
export interface KubeList<T> extends TypeMeta {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

/** One term of a selector: `operator` is In, NotIn, Exists or DoesNotExist (meta/v1 LabelSelectorRequirement). */
export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Which labels are meant, as objects hold it; all of its terms must hold (meta/v1 LabelSelector). See `labelMatcher`. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

/** One aspect of the state of an object, as controllers report it (meta/v1 Condition). Times are in RFC 3339, whole seconds. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** What has to hold of an object for a deletion; otherwise it is a conflict (meta/v1 Preconditions). */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** How an object is deleted (meta/v1 DeleteOptions). `gracePeriodSeconds` 0 is at once; `dryRun` holds `All` or nothing. */
export interface DeleteOptions extends TypeMeta {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: Preconditions;
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly dryRun?: readonly string[];
}

/** Names a kind of objects; the core group is the empty one (schema.GroupVersionKind). */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Names what serves a kind: `pods`, in the plural and lower case (schema.GroupVersionResource). */
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** `apps/v1` → group and version; `v1` has the empty group. */
export function parseGroupVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `apps/v1`, or `v1` of the core group: what objects carry as `apiVersion`. */
export function groupVersion(gv: { readonly group: string; readonly version: string }): string {
  return gv.group === '' ? gv.version : `${gv.group}/${gv.version}`;
}

/** The reference that says who manages an object, if one does. */
export function controllerOf(object: Frozen<KubeObject> | KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner`, and no other of its name, manages the object (metav1.IsControlledBy). */
export function isControlledBy(object: Frozen<KubeObject> | KubeObject, owner: Frozen<KubeObject> | KubeObject): boolean {
  const controller = controllerOf(object);
  return controller !== undefined && controller.uid === owner.metadata.uid;
}

/** The reference by which `owner` manages what it makes: its deletion waits for that to go (metav1.NewControllerRef). */
export function controllerReference(
  owner: { readonly metadata: Frozen<ObjectMeta> | ObjectMeta },
  { group, version, kind }: GroupVersionKind,
): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  return { apiVersion: groupVersion({ group, version }), kind, name, uid, controller: true, blockOwnerDeletion: true };
}
