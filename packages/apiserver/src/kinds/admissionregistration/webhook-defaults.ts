import type { MutatingWebhook, ValidatingWebhook } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import { defaultRules } from './match-defaults.ts';

const timeoutSeconds = 10;
const servicePort = 443;

/** What validating and mutating webhooks have in common. */
export function defaultWebhook(hook: ValidatingWebhook): ValidatingWebhook {
  let result = defaulted(hook, {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds,
  });
  result = inField(result, 'clientConfig', (client) => inField(client, 'service', (service) => defaulted(service, { port: servicePort })));
  return inField(result, 'rules', defaultRules);
}

export function defaultMutatingWebhook(hook: MutatingWebhook): MutatingWebhook {
  return defaulted<MutatingWebhook>({ ...hook, ...defaultWebhook(hook) }, { reinvocationPolicy: 'Never' });
}
