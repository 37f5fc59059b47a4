import type { ReplicationController, ReplicationControllerSpec } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nonNegative } from '../rules/numbers.ts';
import { validateWorkloadTemplate } from '../rules/workload.ts';
import { validateReplicaStatus } from '../apps/replicasets.ts';
import { podWarnings } from './pod-warnings.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultPodTemplate } from './pod-defaults.ts';

export const replicationcontrollers: KindHooks = hooksFor<ReplicationController>({
  default(controller) {
    const labels = controller.spec?.template?.metadata?.labels;
    const fromTemplate = labels === undefined ? {} : { selector: labels };
    const spec = defaulted(controller.spec ?? {}, { replicas: 1, ...fromTemplate });
    const metadata = labels === undefined ? controller.metadata : defaulted(controller.metadata, { labels });
    return { ...controller, metadata, spec: inField(spec, 'template', defaultPodTemplate) };
  },
  strategy: {
    hasGeneration: true,
    validate: ({ spec }) => validateSpec(spec ?? {}),
    warnings: ({ spec }, old) => (old === undefined && spec?.template !== undefined ? podWarnings('spec.template', spec.template) : []),
  },
  statusStrategy: { validateUpdate: ({ status }) => validateReplicaStatus(status ?? {}) },
  selectableFields: { 'status.replicas': (controller) => String(controller.status?.replicas ?? 0) },
});

function validateSpec({ replicas, minReadySeconds, selector = {}, template }: ReplicationControllerSpec): readonly FieldError[] {
  const isEmpty = Object.keys(selector).length === 0;
  return [
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...(isEmpty ? [FieldError.required('spec.selector')] : []),
    ...nonNegative('spec.replicas', replicas),
    ...validateWorkloadTemplate('spec.template', template, { selector: { matchLabels: selector }, kind: 'ReplicationController' }),
  ];
}
