export { forEachSeed } from './seeds.ts';
export { type AllowedRequest, TestCluster, type TestClusterOptions } from './test-cluster.ts';
