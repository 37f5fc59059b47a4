import type { IngressClass } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

export const ingressclasses: KindHooks = hooksFor<IngressClass>({
  default: (kind) => inField(kind, 'spec', (spec) => inField(spec, 'parameters', (parameters) => defaulted(parameters, { scope: 'Cluster' }))),
  strategy: { hasGeneration: true },
});
