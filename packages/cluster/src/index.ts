export { Cluster, type ClusterOptions, type Component } from './cluster.ts';
export { ClusterDirectoryError } from './cluster-directory.ts';
export { type StartClusterOptions, startCluster, type StartedCluster } from './start-cluster.ts';
export { kubernetesVersion } from './version.ts';
export { type ComponentProgress, followTidbCluster } from './tidb-progress.ts';
export { Components, type ComponentsOptions } from './components.ts';
