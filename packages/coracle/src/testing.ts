export { type AllowedRequest, forEachSeed, TestCluster, type TestClusterOptions } from '@coracle/testing';
export { type ForkOptions, SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';
