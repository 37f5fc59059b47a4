export { abortReason, firstAborted, unlessAborted, untilAborted } from './abort.ts';
export { AssertionError, assert, unreachable } from './assert.ts';
export type { Cause } from './cause.ts';
export {
  type Clock,
  type Deadline,
  deadlineWith,
  delayOf,
  type SleepOptions,
  sleepWith,
  TimeoutError,
  type TimerOptions,
} from './clock.ts';
export {
  type ByteDuplex,
  type Dialer,
  DialError,
  type DialRequest,
  type DialResponse,
  type RequestHandler,
} from './dialer.ts';
export { Heap } from './heap.ts';
export { LiveRuntime, type LiveRuntimeOptions } from './live-runtime.ts';
export { type Logger, type LogFields, type LogLevel, loggerFor, type LogRecord, type LogSink } from './log.ts';
export {
  type BoundCounter,
  type BoundGauge,
  type BoundHistogram,
  type Counter,
  type Gauge,
  type Histogram,
  type MetricOptions,
  MetricsRegistry,
} from './metrics.ts';
export type { Failure, Point, Process, Runtime, Task } from './process.ts';
export { processWithClock } from './process-with-clock.ts';
export { type Random, randomFrom } from './random.ts';
