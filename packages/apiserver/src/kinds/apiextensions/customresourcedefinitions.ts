import type { CustomResourceDefinition } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

/** Port of a conversion webhook's Service. */
const webhookPort = 443;

export const customresourcedefinitions: KindHooks = hooksFor<CustomResourceDefinition>({
  default(definition) {
    const { names } = definition.spec;
    const lower = names.kind.toLowerCase();
    const singular = (names.singular ?? '') === '' && names.kind !== '' ? { singular: lower } : {};
    const listKind = (names.listKind ?? '') === '' && names.kind !== '' ? { listKind: `${names.kind}List` } : {};
    const spec = defaulted({ ...definition.spec, names: { ...names, ...singular, ...listKind } }, { conversion: { strategy: 'None' } });
    return {
      ...definition,
      spec: inField(spec, 'conversion', (conversion) =>
        inField(conversion, 'webhook', (webhook) =>
          inField(webhook, 'clientConfig', (client) => inField(client, 'service', (service) => defaulted(service, { port: webhookPort }))),
        ),
      ),
    };
  },
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, anyFinalizer: true },
});
