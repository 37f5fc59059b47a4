import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from '@coracle/api';
import { FieldError, isValidLabelValue } from '@coracle/apimachinery';
import { validateLabelSelector } from '../rules/labels.ts';
import { dnsLabel, qualifiedName, supported } from '../rules/names.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTolerations(field: string, tolerations: readonly Toleration[]): readonly FieldError[] {
  return tolerations.flatMap((toleration, i) => validateToleration(`${field}[${i}]`, toleration));
}

function validateToleration(
  field: string,
  { key = '', operator = '', value = '', effect = '', tolerationSeconds }: Toleration,
): readonly FieldError[] {
  const faults: FieldError[] = key === '' ? [] : [...qualifiedName(`${field}.key`, key)];
  if (key === '' && operator !== 'Exists') {
    faults.push(
      FieldError.invalid(
        `${field}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    faults.push(FieldError.invalid(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === 'Equal' || operator === '')
    for (const text of isValidLabelValue(value)) faults.push(FieldError.invalid(`${field}.operator`, value, text));
  else if (operator === 'Exists') {
    if (value !== '') faults.push(FieldError.invalid(`${field}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  } else faults.push(FieldError.notSupported(`${field}.operator`, operator, ['Equal', 'Exists']));
  return effect === '' ? faults : [...faults, ...taintEffect(`${field}.effect`, effect)];
}

export function taintEffect(field: string, effect: string): readonly FieldError[] {
  return supported(field, effect, effects);
}

export function validateAffinity(field: string, affinity: Affinity | undefined): readonly FieldError[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const faults: FieldError[] = [];
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } =
    nodeAffinity ?? {};
  if (required !== undefined)
    faults.push(...validateNodeSelector(`${field}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`, required));
  for (const [i, { weight, preference }] of preferred.entries()) {
    const at = `${field}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    faults.push(...weighs(`${at}.weight`, weight), ...validateNodeTerm(`${at}.preference`, preference));
  }
  for (const [name, side] of [
    ['podAffinity', podAffinity],
    ['podAntiAffinity', podAntiAffinity],
  ] as const) {
    for (const [i, term] of (side?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      faults.push(...validatePodTerm(`${field}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`, term));
    }
    for (const [i, { weight, podAffinityTerm }] of (side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const at = `${field}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      faults.push(...weighs(`${at}.weight`, weight), ...validatePodTerm(`${at}.podAffinityTerm`, podAffinityTerm));
    }
  }
  return faults;
}

function weighs(field: string, weight: number): readonly FieldError[] {
  return weight < 1 || weight > 100 ? [FieldError.invalid(field, weight, 'must be in the range 1-100')] : [];
}

export function validateNodeSelector(field: string, { nodeSelectorTerms }: NodeSelector): readonly FieldError[] {
  const terms = nodeSelectorTerms ?? [];
  if (terms.length === 0) return [FieldError.required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => validateNodeTerm(`${field}.nodeSelectorTerms[${i}]`, term));
}

function validateNodeTerm(field: string, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm): readonly FieldError[] {
  return [
    ...matchExpressions.flatMap((one, i) => [
      ...validateNodeRequirement(`${field}.matchExpressions[${i}]`, one),
      ...qualifiedName(`${field}.matchExpressions[${i}].key`, one.key),
    ]),
    ...matchFields.flatMap((one, i) => validateFieldRequirement(`${field}.matchFields[${i}]`, one)),
  ];
}

function validateNodeRequirement(field: string, { operator, values = [] }: NodeSelectorRequirement): readonly FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? [] : [FieldError.required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      if (values.length === 0) return [];
      return [FieldError.forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case 'Gt':
    case 'Lt':
      if (values.length === 1) return [];
      return [FieldError.required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [FieldError.invalid(`${field}.operator`, operator, 'not a valid selector operator')];
  }
}

function validateFieldRequirement(field: string, { key, operator, values = [] }: NodeSelectorRequirement): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    faults.push(FieldError.invalid(`${field}.operator`, operator, 'not a valid selector operator'));
  else if (values.length !== 1) {
    faults.push(
      FieldError.required(`${field}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
    );
  }
  if (key !== 'metadata.name') faults.push(FieldError.invalid(`${field}.key`, key, 'not a valid field selector key'));
  return faults;
}

function validatePodTerm(field: string, term: PodAffinityTerm): readonly FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey } = term;
  return [
    ...validateLabelSelector(`${field}.labelSelector`, labelSelector),
    ...validateLabelSelector(`${field}.namespaceSelector`, namespaceSelector),
    ...namespaces.flatMap((name) => dnsLabel(`${field}.namespace`, name)),
    ...(topologyKey === '' ? [FieldError.required(`${field}.topologyKey`, 'can not be empty')] : []),
    ...qualifiedName(`${field}.topologyKey`, topologyKey),
  ];
}

export function validateSpread(field: string, constraints: readonly TopologySpreadConstraint[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [i, one] of constraints.entries()) {
    const at = `${field}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = one;
    if (maxSkew <= 0) faults.push(FieldError.invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (topologyKey === '') faults.push(FieldError.required(`${at}.topologyKey`, 'can not be empty'));
    else faults.push(...qualifiedName(`${at}.topologyKey`, topologyKey));
    faults.push(...supported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']));
    if (constraints.slice(i + 1).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable)) {
      faults.push(FieldError.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) faults.push(FieldError.invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const text = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        faults.push(FieldError.invalid(`${at}.minDomains`, minDomains, text));
      }
    }
    for (const key of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = one[key];
      if (policy !== undefined) faults.push(...supported(`${at}.${key}`, policy, ['Honor', 'Ignore']));
    }
    faults.push(...validateLabelSelector(`${at}.labelSelector`, one.labelSelector));
  }
  return faults;
}

/** Reasons not to schedule a pod yet, each by a name of its own. */
export function validateGates(field: string, gates: NonNullable<PodSpec['schedulingGates']>): readonly FieldError[] {
  const seen = new Set<string>();
  return gates.flatMap(({ name }, i) => {
    const faults = [...qualifiedName(`${field}[${i}].name`, name)];
    if (seen.has(name)) faults.push(FieldError.duplicate(`${field}[${i}]`, name));
    seen.add(name);
    return faults;
  });
}
