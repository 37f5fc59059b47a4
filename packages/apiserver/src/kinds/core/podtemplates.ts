import type { PodTemplate } from '@coracle/api';
import { inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validatePodTemplate } from './pod-validation.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultPodTemplate } from './pod-defaults.ts';

export const podtemplates: KindHooks = hooksFor<PodTemplate>({
  default: (object) => inField(object, 'template', defaultPodTemplate),
  strategy: { hasGeneration: true, validate: ({ template }) => validatePodTemplate('template', template ?? {}) },
});
