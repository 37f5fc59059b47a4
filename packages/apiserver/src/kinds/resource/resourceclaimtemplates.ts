import type { ResourceClaimTemplate } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { defaultClaimSpec } from './device-requests.ts';
import { hooksFor } from '../typed-hooks.ts';

export const resourceclaimtemplates: KindHooks = hooksFor<ResourceClaimTemplate>({
  default: (template) => inField(template, 'spec', (spec) => inField(spec, 'spec', defaultClaimSpec)),
  strategy: {},
});
