import type { Container, Pod, PodSpec, Toleration } from '@coracle/api';
import { FieldError, getOwn, semanticEqual, sortedEntries } from '@coracle/apimachinery';
import { validateImage } from './container-validation.ts';

/** Upstream appends a diff of its internal structs, which no client can rely on. */
const changeable =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,' +
  '`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** What an update of a pod may change: little, for its containers run already (validation.ValidatePodUpdate). */
export function validatePodUpdate({ spec }: Pod, { spec: old }: Pod): readonly FieldError[] {
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list] ?? []).length !== (old[list] ?? []).length)
      return [FieldError.forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
  }
  const faults: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, { image = '' }] of (spec[list] ?? []).entries()) {
      if (image !== (old[list]?.[i]?.image ?? '')) faults.push(...validateImage(`spec.${list}[${i}].image`, image));
    }
  }
  faults.push(...validateDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds));
  if (faults.length > 0) return faults;
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (old.schedulingGates?.some((gate) => gate.name === name) === true) continue;
    faults.push(
      FieldError.forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`),
    );
  }
  faults.push(...validateAddedTolerations(spec.tolerations ?? [], old.tolerations ?? []));
  return semanticEqual(withoutChangeable(spec, old), old) ? faults : [...faults, FieldError.forbidden('spec', changeable)];
}

function validateDeadline(seconds: number | undefined, old: number | undefined): readonly FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  if (old === undefined) return [];
  if (seconds === undefined) return [FieldError.invalid(field, undefined, 'must not update from a positive integer to nil value')];
  return seconds > old ? [FieldError.invalid(field, seconds, 'must be less than or equal to previous value')] : [];
}

function validateAddedTolerations(tolerations: readonly Toleration[], old: readonly Toleration[]): readonly FieldError[] {
  const without = ({ tolerationSeconds: _, ...rest }: Toleration): unknown => rest;
  const kept = old.every((one) => tolerations.some((other) => semanticEqual(without(one), without(other))));
  return kept ? [] : [FieldError.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

/** `spec` with all that may change as it was. */
function withoutChangeable(spec: PodSpec, old: PodSpec): PodSpec {
  const images = (list: readonly Container[] | undefined, before: readonly Container[] | undefined): readonly Container[] =>
    (list ?? []).map((container, i) => withField(container, 'image', before?.[i]?.image));
  let result: PodSpec = { ...spec, containers: images(spec.containers, old.containers) };
  if (spec.initContainers !== undefined) result = { ...result, initContainers: images(spec.initContainers, old.initContainers) };
  result = withField(result, 'activeDeadlineSeconds', old.activeDeadlineSeconds);
  result = withField(result, 'schedulingGates', old.schedulingGates);
  result = withField(result, 'tolerations', old.tolerations);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    result = withField(result, 'terminationGracePeriodSeconds', old.terminationGracePeriodSeconds);
  }
  // A pod that no scheduler has looked at yet may be narrowed down to fewer nodes.
  const narrowed = sortedEntries(old.nodeSelector).every(([key, value]) => getOwn(spec.nodeSelector, key) === value);
  return (old.schedulingGates ?? []).length > 0 && narrowed ? withField(result, 'nodeSelector', old.nodeSelector) : result;
}

function withField<T extends object, K extends keyof T>(object: T, key: K, value: T[K] | undefined): T {
  const { [key]: _, ...rest } = object;
  return (value === undefined ? rest : { ...rest, [key]: value }) as T; // K is optional in T wherever this is called
}
