import type { Deployment } from '@coracle/api';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { defaulted } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

const rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%' };

export const deployments: KindHooks = hooksFor<Deployment>({
  default(deployment) {
    const spec = defaulted(deployment.spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    let strategy = defaulted(spec.strategy ?? {}, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate') strategy = { ...strategy, rollingUpdate: defaulted(strategy.rollingUpdate ?? {}, rollingUpdate) };
    return { ...deployment, spec: { ...spec, strategy, template: defaultPodTemplate(spec.template) } };
  },
  strategy: { hasGeneration: true },
});
