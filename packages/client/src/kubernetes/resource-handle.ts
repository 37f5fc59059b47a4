import type { KubeObject, Unstructured } from '@coracle/apimachinery';

/**
 * Names one resource of the API, and by type the object that it holds. Built-in ones are in `resources`; for a custom
 * resource write one with `resourceHandle`.
 */
export interface ResourceHandle<T extends KubeObject = Unstructured> {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case: the segment of the path. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Its objects are read without the rest: see `onlyMetadata`. */
  readonly onlyMetadata?: true;
  /** Never present: carries the object's type. */
  readonly __type?: T;
}

/** The object type of a handle. */
export type ObjectOf<H> = H extends ResourceHandle<infer T> ? T : never;

/** A handle for a custom resource: `resourceHandle<Foo>({ group: …, version: …, resource: 'foos', kind: 'Foo', namespaced: true })`. */
export function resourceHandle<T extends KubeObject = Unstructured>(
  row: Omit<ResourceHandle, '__type' | 'onlyMetadata'>,
): ResourceHandle<T> {
  const { group, version, resource, kind, namespaced } = row;
  return { group, version, resource, kind, namespaced };
}

/** `/api/v1/namespaces/a/pods` or `/apis/apps/v1/deployments`, without a name. */
export function collectionPath(handle: Pick<ResourceHandle, 'group' | 'version' | 'resource'>, namespace: string): string {
  const root = handle.group === '' ? `/api/${handle.version}` : `/apis/${handle.group}/${handle.version}`;
  const scope = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${handle.resource}`;
}
