import type { Benchmark } from './benchmark.ts';
import { create } from './create.ts';
import { createInProcess } from './create-in-process.ts';
import { fork } from './fork.ts';
import { get } from './get.ts';
import { idleMemory } from './idle-memory.ts';
import { inProcessStart } from './in-process-start.ts';
import { list10k } from './list-10k.ts';
import { memory100k } from './memory-100k.ts';
import { ready } from './ready.ts';
import { runtimeSteps } from './runtime-steps.ts';
import { simSteps } from './sim-steps.ts';
import { store100k } from './store-100k.ts';
import { storeFork } from './store-fork.ts';
import { storeInProcess } from './store-in-process.ts';
import { storeMembers } from './store-members.ts';
import { storePut } from './store-put.ts';
import { storeWatch } from './store-watch.ts';
import { tidbReady, tidbReadySimulated } from './tidb-ready.ts';
import { watch } from './watch.ts';

/** All cases, in the order in which they run. */
export const benchmarks: readonly Benchmark[] = [
  ready,
  inProcessStart,
  idleMemory,
  create,
  createInProcess,
  get,
  list10k,
  watch,
  tidbReady,
  tidbReadySimulated,
  runtimeSteps,
  simSteps,
  fork,
  memory100k,
  storePut,
  storeInProcess,
  storeWatch,
  storeMembers,
  store100k,
  storeFork,
];
