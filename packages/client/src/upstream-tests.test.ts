import { readUpstreamList } from '../../../tools/upstream-list.ts';
import { testUpstreamList } from '../../../tools/upstream-suites.ts';
import { listFile } from '../tools/mutations.ts';

// So many test functions of client-go are in scope (kubernetes/client-go, 1.37 cycle).
testUpstreamList('the tests of client-go', readUpstreamList(import.meta.dirname, listFile), { inScope: 662, least: 0.85 });
