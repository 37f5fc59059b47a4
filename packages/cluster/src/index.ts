export { Cluster, type ClusterOptions, type Component } from './cluster.ts';
export { ClusterDirectoryError } from './cluster-directory.ts';
export { Components, type ComponentsOptions, type ComponentsState, type Part } from './components.ts';
export { createMissing } from './create-missing.ts';
export type { NodesState } from './nodes.ts';
export { type ForkOptions, SimulatedCluster, type SimulatedClusterOptions } from './simulated-cluster.ts';
export { type StartClusterOptions, startCluster, type StartedCluster } from './start-cluster.ts';
export { type ComponentProgress, followTidbCluster, progressOf } from './tidb-progress.ts';
export { kubernetesVersion, programVersion } from './version.ts';
