export {
  Cluster,
  ClusterDirectoryError,
  type ClusterOptions,
  type Component,
  startCluster,
  type StartClusterOptions,
  type StartedCluster,
} from '@coracle/cluster';
