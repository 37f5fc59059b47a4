import { testMutations } from '../../../tools/upstream-suites.ts';
import * as mutations from '../tools/mutations.ts';

testMutations(import.meta.dirname, mutations);
