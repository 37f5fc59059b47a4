import type { Deployment, DeploymentSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted } from '../defaulted.ts';
import { countOrPercent, isZeroAmount, nonNegative, notOver100Percent } from '../rules/numbers.ts';
import { immutableSelector, unusableSelector, validateRequiredSelector, validateWorkloadTemplate } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';
import { shownStrategy } from './shown-strategy.ts';

const rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%' };

export const deployments: KindHooks = hooksFor<Deployment>({
  default(deployment) {
    const spec = defaulted(deployment.spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    let strategy = defaulted(spec.strategy ?? {}, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate')
      strategy = { ...strategy, rollingUpdate: defaulted(strategy.rollingUpdate ?? {}, rollingUpdate) };
    return { ...deployment, spec: { ...spec, strategy, template: defaultPodTemplate(spec.template) } };
  },
  strategy: {
    hasGeneration: true,
    validate: ({ spec }) => validateSpec(spec),
    validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...immutableSelector('spec.selector', spec.selector, old.spec.selector)],
    warnings: ({ spec }, old) => (old === undefined ? podWarnings('spec.template', spec.template) : []),
  },
  statusStrategy: { validateUpdate: ({ status }) => validateStatus(status ?? {}) },
});

function validateSpec(spec: DeploymentSpec): readonly FieldError[] {
  const { selector, progressDeadlineSeconds, minReadySeconds = 0 } = spec;
  const faults = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...validateRequiredSelector('spec.selector', selector, 'deployment'),
    ...unusableSelector('spec.selector', selector, 'invalid label selector'),
    ...validateWorkloadTemplate('spec.template', spec.template, { selector, kind: 'ReplicaSet' }),
    ...validateStrategy('spec.strategy', spec.strategy ?? {}),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', progressDeadlineSeconds),
  ];
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    faults.push(FieldError.invalid('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  return faults;
}

function validateStrategy(field: string, strategy: NonNullable<DeploymentSpec['strategy']>): readonly FieldError[] {
  const { type, rollingUpdate: rolling } = strategy;
  if (type === 'Recreate') {
    if (rolling === undefined) return [];
    return [FieldError.forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate') {
    return [FieldError.notSupported(field, shownStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  }
  if (rolling === undefined) return [FieldError.required(`${field}.rollingUpdate`, 'this should be defaulted and never be nil')];
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  const at = `${field}.rollingUpdate`;
  const faults = [...countOrPercent(`${at}.maxUnavailable`, maxUnavailable), ...countOrPercent(`${at}.maxSurge`, maxSurge)];
  // One that removes nothing and adds nothing would never get on.
  if (isZeroAmount(maxUnavailable) && isZeroAmount(maxSurge)) {
    faults.push(FieldError.invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...faults, ...notOver100Percent(`${at}.maxUnavailable`, maxUnavailable)];
}

function validateStatus(status: NonNullable<Deployment['status']>): readonly FieldError[] {
  const counts = [
    'observedGeneration',
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
  ] as const;
  const faults = counts.flatMap((key) => [...nonNegative(`status.${key}`, status[key])]);
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  const more = 'cannot be greater than status.replicas';
  if (updatedReplicas > replicas) faults.push(FieldError.invalid('status.updatedReplicas', updatedReplicas, more));
  if (readyReplicas > replicas) faults.push(FieldError.invalid('status.readyReplicas', readyReplicas, more));
  if (availableReplicas > replicas) faults.push(FieldError.invalid('status.availableReplicas', availableReplicas, more));
  if (availableReplicas > readyReplicas)
    faults.push(FieldError.invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'));
  return faults;
}
