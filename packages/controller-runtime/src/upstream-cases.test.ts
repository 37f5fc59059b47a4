import { readUpstreamList } from '../../../tools/upstream-list.ts';
import { testMutations, testUpstreamList } from '../../../tools/upstream-suites.ts';
import * as mutations from '../tools/mutations.ts';

// As of August 2026: the cases of controller-runtime that are in scope, and all of the runtime of kube-rs.
testUpstreamList(
  'the cases of controller-runtime and kube-rs',
  readUpstreamList(import.meta.dirname, mutations.listFile),
  { inScope: 361, least: 0.85 },
  {
    finalizer: { inScope: 9, least: 1 },
    controllerutil: { inScope: 60, least: 0.9 },
    'priority queue': { inScope: 28, least: 1 },
    controller: { inScope: 75, least: 0.85 },
    builder: { inScope: 24, least: 0.65 },
    predicate: { inScope: 38, least: 0.7 },
    handler: { inScope: 42, least: 0.85 },
    'kube-rs': { inScope: 85, least: 0.8 },
  },
);

testMutations(import.meta.dirname, mutations);
