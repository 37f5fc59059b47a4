import type { Unstructured } from '@coracle/apimachinery';
import { deepFreeze, type Frozen } from '@coracle/apimachinery';
import { resourceHandle, type ResourceHandle } from '@coracle/client';
import { tidbClusterCrdJson } from './crd.generated.ts';
import type { TidbCluster } from './types.ts';

export const group = 'pingcap.com';
export const version = 'v1alpha1';

/** How a client asks for TidbClusters. */
export const tidbClusters: ResourceHandle<TidbCluster> = resourceHandle<TidbCluster>({
  group,
  version,
  resource: 'tidbclusters',
  kind: 'TidbCluster',
  namespaced: true,
});

/**
 * The CustomResourceDefinition, as manifests/crd.yaml has it. Upstream's (tidb-operator manifests/crd.yaml) has no status
 * subresource; ours has one, so that the operator never rewrites a user's spec.
 */
export function tidbClusterCrd(): Frozen<Unstructured> {
  return deepFreeze(JSON.parse(tidbClusterCrdJson) as Unstructured); // our own generated text
}
