export { tidbClusterCrd, tidbClusters } from './api/crd.ts';
export { withDefaults } from './api/defaulting.ts';
export type { TidbCluster, TidbClusterCondition, TidbClusterSpec, TidbClusterStatus } from './api/types.ts';
export { validateTidbCluster } from './api/validation.ts';
export { type Explanation, explain, isReady, type Seen, type Waited } from './explain.ts';
export { TidbOperator, type TidbOperatorOptions } from './operator.ts';
export { operatorNamespace, operatorRbac, operatorServiceAccount } from './rbac.ts';
