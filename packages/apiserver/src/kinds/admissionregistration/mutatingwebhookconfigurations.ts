import type { MutatingWebhookConfiguration } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inEach, inField } from '../defaulted.ts';
import { defaultMutatingWebhook } from './webhook-defaults.ts';
import { validateWebhooks } from './webhook-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const mutatingwebhookconfigurations: KindHooks = hooksFor<MutatingWebhookConfiguration>({
  default: (configuration) => inField(configuration, 'webhooks', (hooks) => inEach(hooks, defaultMutatingWebhook)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validate: ({ webhooks }) => validateWebhooks(webhooks ?? []) },
});
