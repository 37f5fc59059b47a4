export { type GuardOptions, installGuard, NotHermetic } from './guard.ts';
export { Lane, type Operation } from './lane.ts';
export {
  checkLinearizability,
  type LinearizabilityResult,
  type RecordedCall,
  type SequentialModel,
} from './linearizability.ts';
export { mix, seededRandom } from './seeded-random.ts';
export { SimProcess } from './sim-process.ts';
export {
  ComponentFailed,
  NotQuiet,
  type RunReport,
  type SettleOptions,
  SimRuntime,
  type SimRuntimeOptions,
  Stuck,
} from './sim-runtime.ts';
export { fifo, holding, lagging, pct, type Strategy, type StrategyView, uniform } from './strategy.ts';
