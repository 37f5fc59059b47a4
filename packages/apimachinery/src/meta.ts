import type { Frozen } from './frozen.ts';

/** Types of meta/v1 (k8s.io/apimachinery pkg/apis/meta/v1), in the wire's spelling. */

export interface TypeMeta {
  readonly apiVersion?: string;
  readonly kind?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

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

export interface KubeList<T> extends TypeMeta {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface DeleteOptions extends TypeMeta {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: Preconditions;
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly dryRun?: readonly string[];
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

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

export function groupVersion(gv: { readonly group: string; readonly version: string }): string {
  return gv.group === '' ? gv.version : `${gv.group}/${gv.version}`;
}

/** The reference that says who manages an object, if one does. */
export function controllerOf(object: Frozen<KubeObject> | KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

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
