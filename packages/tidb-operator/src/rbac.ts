import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';

/** Namespace and ServiceAccount that the operator runs as (the chart's names). */
export const operatorNamespace = 'tidb-admin';
export const operatorServiceAccount = 'tidb-controller-manager';

const roleName = 'tidb-operator:tidb-controller-manager';
const read = ['get', 'list', 'watch'];

/**
 * What the operator may do, and nothing else: manifests/rbac.yaml is generated from this. It holds what the discovery Role
 * grants (tidbclusters, secrets), since nobody may grant more than he has.
 */
export function operatorRbac(): Frozen<readonly KubeObject[]> {
  return deepFreeze([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: operatorServiceAccount, namespace: operatorNamespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: roleName },
      rules: [
        { apiGroups: ['pingcap.com'], resources: ['tidbclusters'], verbs: read },
        { apiGroups: ['pingcap.com'], resources: ['tidbclusters/status'], verbs: ['update'] },
        // Owner references with blockOwnerDeletion ask for the right to change the owner's finalizers.
        { apiGroups: ['pingcap.com'], resources: ['tidbclusters/finalizers'], verbs: ['update'] },
        { apiGroups: ['apps'], resources: ['statefulsets', 'deployments'], verbs: [...read, 'create', 'patch'] },
        { apiGroups: [''], resources: ['services', 'configmaps'], verbs: [...read, 'create', 'patch'] },
        { apiGroups: [''], resources: ['serviceaccounts'], verbs: [...read, 'create'] },
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: [...read, 'create'] },
        { apiGroups: [''], resources: ['secrets'], verbs: read },
        { apiGroups: [''], resources: ['pods', 'persistentvolumes'], verbs: [...read, 'patch'] },
        { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: [...read, 'patch', 'delete'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: roleName },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
      subjects: [{ kind: 'ServiceAccount', name: operatorServiceAccount, namespace: operatorNamespace }],
    },
  ]);
}
