import type { MutatingAdmissionPolicyBinding } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { defaultMatch } from './match-defaults.ts';
import { hooksFor } from '../typed-hooks.ts';

export const mutatingadmissionpolicybindings: KindHooks = hooksFor<MutatingAdmissionPolicyBinding>({
  default: (binding) => inField(binding, 'spec', (spec) => inField(spec, 'matchResources', defaultMatch)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false },
});
