import type { FlowSchema } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

export const flowschemas: KindHooks = hooksFor<FlowSchema>({
  default: (schema) => inField(schema, 'spec', (spec) => (spec.matchingPrecedence === 0 ? { ...spec, matchingPrecedence: 1000 } : spec)),
  strategy: { hasGeneration: true },
});
