import type { ValidatingWebhookConfiguration } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inEach, inField } from '../defaulted.ts';
import { defaultWebhook } from './webhook-defaults.ts';
import { validateWebhooks } from './webhook-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const validatingwebhookconfigurations: KindHooks = hooksFor<ValidatingWebhookConfiguration>({
  default: (configuration) => inField(configuration, 'webhooks', (hooks) => inEach(hooks, defaultWebhook)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validate: ({ webhooks }) => validateWebhooks(webhooks ?? []) },
});
