export { type Action, actionOf } from './action.ts';
export { recordedComponent } from './recorded-component.ts';
export { type ActionPattern, type Forward, type Reaction, RecordedTransport } from './recorded-transport.ts';
export { forEachSeed } from './seeds.ts';
export { type AllowedRequest, TestCluster, type TestClusterOptions } from './test-cluster.ts';
