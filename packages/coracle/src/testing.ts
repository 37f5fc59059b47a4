export { SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';
