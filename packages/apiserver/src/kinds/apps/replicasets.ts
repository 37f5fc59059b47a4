import type { ReplicaSet, ReplicaSetSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted, inField } from '../defaulted.ts';
import { nonNegative } from '../rules/numbers.ts';
import { immutableSelector, unusableSelector, validateRequiredSelector, validateWorkloadTemplate } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const replicasets: KindHooks = hooksFor<ReplicaSet>({
  default: (set) => ({ ...set, spec: inField(defaulted(set.spec, { replicas: 1 }), 'template', defaultPodTemplate) }),
  strategy: {
    hasGeneration: true,
    validate: ({ spec }) => validateSpec(spec),
    validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...immutableSelector('spec.selector', spec.selector, old.spec.selector)],
    warnings: ({ spec }, old) => (old === undefined && spec.template !== undefined ? podWarnings('spec.template', spec.template) : []),
  },
  statusStrategy: { validateUpdate: ({ status }) => validateReplicaStatus(status ?? {}) },
  selectableFields: { 'status.replicas': (set) => String(set.status?.replicas ?? 0) },
});

function validateSpec({ replicas, minReadySeconds, selector, template }: ReplicaSetSpec): readonly FieldError[] {
  return [
    ...nonNegative('spec.replicas', replicas),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...validateRequiredSelector('spec.selector', selector, 'deployment'),
    ...unusableSelector('spec.selector', selector, 'invalid label selector'),
    ...validateWorkloadTemplate('spec.template', template, { selector, kind: 'ReplicaSet' }),
  ];
}

interface ReplicaStatus {
  readonly replicas?: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly observedGeneration?: number;
}

/** Status of a ReplicaSet or a ReplicationController. */
export function validateReplicaStatus(status: ReplicaStatus): readonly FieldError[] {
  const counts = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'] as const;
  const faults = counts.flatMap((key) => [...nonNegative(`status.${key}`, status[key])]);
  const { replicas = 0, fullyLabeledReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  const more = 'cannot be greater than status.replicas';
  if (fullyLabeledReplicas > replicas) faults.push(FieldError.invalid('status.fullyLabeledReplicas', fullyLabeledReplicas, more));
  if (readyReplicas > replicas) faults.push(FieldError.invalid('status.readyReplicas', readyReplicas, more));
  if (availableReplicas > replicas) faults.push(FieldError.invalid('status.availableReplicas', availableReplicas, more));
  if (availableReplicas > readyReplicas)
    faults.push(FieldError.invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
  return faults;
}
