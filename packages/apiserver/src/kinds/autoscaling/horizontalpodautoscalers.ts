import type { HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';
import { validateScaler } from './hpa-validation.ts';

export const horizontalpodautoscalers: KindHooks = hooksFor<HorizontalPodAutoscaler>({
  default: (scaler) => inField(scaler, 'spec', defaultScaler),
  strategy: { hasGeneration: true, validate: validateScaler },
});

const averageCpu: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
const up: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const down: HPAScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

/** Behaviour is completed only where some is asked for; else the controller's own defaults apply. */
function defaultScaler(sent: HorizontalPodAutoscalerSpec): HorizontalPodAutoscalerSpec {
  const metrics = (sent.metrics ?? []).length === 0 ? { metrics: [averageCpu] } : {};
  const spec = defaulted({ ...sent, ...metrics }, { minReplicas: 1 });
  return inField(spec, 'behavior', (behavior) => ({
    ...behavior,
    scaleUp: defaulted(behavior.scaleUp ?? {}, up),
    scaleDown: defaulted(behavior.scaleDown ?? {}, down),
  }));
}
