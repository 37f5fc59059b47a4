import type { PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { validateLevel } from './level-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const prioritylevelconfigurations: KindHooks = hooksFor<PriorityLevelConfiguration>({
  default: (level) => inField(level, 'spec', defaultLevel),
  strategy: { hasGeneration: true, validate: ({ metadata, spec }) => (spec === undefined ? [] : validateLevel(metadata.name ?? '', spec)) },
});

function defaultLevel(sent: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  const exempt = sent.type === 'Exempt' ? { exempt: sent.exempt ?? {} } : {};
  let spec = { ...sent, ...exempt };
  spec = inField(spec, 'exempt', (level) => defaulted(level, { nominalConcurrencyShares: 0, lendablePercent: 0 }));
  return inField(spec, 'limited', (level) => {
    const filled = defaulted(level, { nominalConcurrencyShares: 30, lendablePercent: 0 });
    return inField(filled, 'limitResponse', (response) =>
      inField(response, 'queuing', (queuing) => defaulted(queuing, { queues: 64, handSize: 8, queueLengthLimit: 50 })),
    );
  });
}
