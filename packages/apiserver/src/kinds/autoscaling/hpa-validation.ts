import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { isPositive } from '../resource-lists.ts';
import { validateLabelSelector } from '../rules/labels.ts';
import { oneOf, pathSegment, requiredBy } from '../rules/names.ts';

const maxPeriodSeconds = 1800;
const maxWindowSeconds = 3600;
const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

/** An autoscaler (validation.validateHorizontalPodAutoscalerSpec); the order of the faults is upstream's. */
export function validateScaler({ spec }: HorizontalPodAutoscaler): readonly FieldError[] {
  if (spec === undefined) return [];
  const { minReplicas, maxReplicas, scaleTargetRef, metrics = [], behavior } = spec;
  const faults: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 0)
    faults.push(FieldError.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    faults.push(FieldError.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  }
  faults.push(...validateReference('spec.scaleTargetRef', scaleTargetRef, true));
  faults.push(...metrics.flatMap((metric, i) => validateMetric(`spec.metrics[${i}]`, metric)));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    faults.push(
      FieldError.forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'),
    );
  }
  for (const key of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[key];
    if (rules !== undefined) faults.push(...validateScaling(`spec.behavior.${key}`, rules));
  }
  return maxReplicas < 1 ? [...faults, tooFew(spec)] : faults;
}

function tooFew({ maxReplicas }: HorizontalPodAutoscalerSpec): FieldError {
  return maxReplicas === 0
    ? FieldError.required('spec.maxReplicas')
    : FieldError.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1');
}

function validateReference(
  field: string,
  { kind, name, apiVersion = '' }: CrossVersionObjectReference,
  isTarget: boolean,
): readonly FieldError[] {
  const faults = [...requiredBy(pathSegment, `${field}.kind`, kind), ...requiredBy(pathSegment, `${field}.name`, name)];
  const [group = '', version, ...more] = apiVersion.split('/');
  if (more.length > 0) faults.push(FieldError.invalid(`${field}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  // Nothing of the core group but the replication controller scales.
  else if (isTarget && (version === undefined ? apiVersion !== 'v1' || kind !== 'ReplicationController' : group === '')) {
    faults.push(FieldError.invalid(`${field}.apiVersion`, apiVersion, 'apiVersion must specify API group'));
  }
  return faults;
}

function validateMetric(field: string, metric: MetricSpec): readonly FieldError[] {
  const { type, object, external, pods, resource, containerResource } = metric;
  const faults = [...oneOf(`${field}.type`, type, metricTypes)];
  const given = sources.filter((source) => metric[source] !== undefined);
  const wanted = type === '' ? undefined : sources.find((source) => source.toLowerCase() === type.toLowerCase());
  if (wanted !== undefined && metric[wanted] === undefined)
    faults.push(FieldError.required(`${field}.${wanted}`, `must populate information for the given metric source`));
  for (const source of given) {
    if (source !== wanted && given.length > 1)
      faults.push(FieldError.forbidden(`${field}.${source}`, 'must populate the given metric source only'));
  }
  if (object !== undefined) {
    const at = `${field}.object`;
    faults.push(
      ...validateReference(`${at}.describedObject`, object.describedObject, false),
      ...validateIdentifier(`${at}.metric`, object.metric),
      ...validateTarget(`${at}.target`, object.target),
    );
    if (object.target.value === undefined && object.target.averageValue === undefined) {
      faults.push(FieldError.required(`${at}.target.averageValue`, 'must set either a target value or averageValue'));
    }
  }
  if (external !== undefined) {
    const at = `${field}.external`;
    faults.push(...validateIdentifier(`${at}.metric`, external.metric), ...validateTarget(`${at}.target`, external.target));
    const { value, averageValue } = external.target;
    if (value === undefined && averageValue === undefined)
      faults.push(FieldError.required(`${at}.target.averageValue`, 'must set either a target value for metric or a per-pod target'));
    if (value !== undefined && averageValue !== undefined) {
      faults.push(FieldError.forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target'));
    }
  }
  if (pods !== undefined) {
    faults.push(...validateIdentifier(`${field}.pods.metric`, pods.metric), ...validateTarget(`${field}.pods.target`, pods.target));
    if (pods.target.averageValue === undefined)
      faults.push(FieldError.required(`${field}.pods.target.averageValue`, 'must specify a positive target averageValue'));
  }
  if (containerResource !== undefined) {
    if (containerResource.container === '')
      faults.push(FieldError.required(`${field}.containerResource.container`, 'must specify a container'));
    faults.push(...validateResource(`${field}.containerResource`, containerResource));
  }
  return resource === undefined ? faults : [...faults, ...validateResource(`${field}.resource`, resource)];
}

function validateResource(
  field: string,
  { name, target }: { readonly name: string; readonly target: MetricTarget },
): readonly FieldError[] {
  const faults: FieldError[] = name === '' ? [FieldError.required(`${field}.name`, 'must specify a resource name')] : [];
  faults.push(...validateTarget(`${field}.target`, target));
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined) {
    faults.push(FieldError.required(`${field}.target.averageUtilization`, 'must set either a target raw value or a target utilization'));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    faults.push(FieldError.forbidden(`${field}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
  }
  return faults;
}

function validateTarget(field: string, { type, value, averageValue, averageUtilization }: MetricTarget): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (type === '') faults.push(FieldError.required(`${field}.type`, 'must specify a metric target type'));
  else if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    faults.push(FieldError.invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    faults.push(FieldError.invalid(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  if (value !== undefined && !isPositive(value)) faults.push(FieldError.invalid(`${field}.value`, value, 'must be positive'));
  if (averageValue !== undefined && !isPositive(averageValue))
    faults.push(FieldError.invalid(`${field}.averageValue`, averageValue, 'must be positive'));
  return faults;
}

function validateIdentifier(field: string, { name, selector }: NonNullable<MetricSpec['external']>['metric']): readonly FieldError[] {
  return [...requiredBy(pathSegment, `${field}.name`, name), ...validateLabelSelector(`${field}.selector`, selector)];
}

function validateScaling(
  field: string,
  { stabilizationWindowSeconds: window, selectPolicy, policies = [] }: HPAScalingRules,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  const at = `${field}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) faults.push(FieldError.invalid(at, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > maxWindowSeconds)
    faults.push(FieldError.invalid(at, window, `must be less than or equal to ${maxWindowSeconds}`));
  if (selectPolicy !== undefined) faults.push(...oneOf(`${field}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']));
  if (policies.length === 0) faults.push(FieldError.required(`${field}.policies`, 'must specify at least one Policy'));
  for (const [i, { type, value, periodSeconds }] of policies.entries()) {
    const policy = `${field}.policies[${i}]`;
    faults.push(...oneOf(`${policy}.type`, type, ['Percent', 'Pods']));
    if (value <= 0) faults.push(FieldError.invalid(`${policy}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) faults.push(FieldError.invalid(`${policy}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > maxPeriodSeconds)
      faults.push(FieldError.invalid(`${policy}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`));
  }
  return faults;
}
