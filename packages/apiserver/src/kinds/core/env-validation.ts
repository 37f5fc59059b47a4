import type { ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from '@coracle/api';
import { compareQuantities, FieldError, isQualifiedName } from '@coracle/apimachinery';
import { invalidBy } from '../rules/names.ts';
import { configMapKey } from '../rules/paths.ts';

const envFields: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const podFields: ReadonlySet<string> = new Set([
  ...envFields,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
  'spec.host',
]);
const resourceFields: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;
const cpuDivisors: ReadonlySet<string> = new Set(['0', '1m', '1']);
const byteDivisors: ReadonlySet<string> = new Set(['0', '1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']);

/** Environment of a container (validation.ValidateEnv). */
export function validateEnv(field: string, variables: readonly EnvVar[]): readonly FieldError[] {
  return variables.flatMap((variable, i) => {
    const at = `${field}[${i}]`;
    const name = variable.name === '' ? [FieldError.required(`${at}.name`)] : invalidBy(envName, `${at}.name`, variable.name);
    return [...name, ...validateSource(`${at}.valueFrom`, variable)];
  });
}

function envName(name: string): readonly string[] {
  if (/^[ -<>-~]+$/.test(name)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

function validateSource(field: string, { value, valueFrom }: EnvVar): readonly FieldError[] {
  if (valueFrom === undefined) return [];
  const faults = [...validateEachSource(field, valueFrom)];
  const given = sources.filter((name) => valueFrom[name] !== undefined).length;
  if (given === 0) {
    faults.push(
      FieldError.invalid(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  } else if ((value ?? '') !== '') faults.push(FieldError.invalid(field, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) faults.push(FieldError.invalid(field, '', 'may not have more than one field specified at a time'));
  return faults;
}

function validateEachSource(field: string, source: EnvVarSource): readonly FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  return [
    ...(fieldRef === undefined ? [] : validateFieldRef(`${field}.fieldRef`, fieldRef, envFields)),
    ...(resourceFieldRef === undefined ? [] : validateResourceFieldRef(`${field}.resourceFieldRef`, resourceFieldRef, false)),
    ...(configMapKeyRef === undefined ? [] : validateKeyRef(`${field}.configMapKeyRef`, configMapKeyRef)),
    ...(secretKeyRef === undefined ? [] : validateKeyRef(`${field}.secretKeyRef`, secretKeyRef)),
  ];
}

function validateKeyRef(field: string, { name, key }: ConfigMapKeySelector): readonly FieldError[] {
  const faults: FieldError[] = (name ?? '') === '' ? [FieldError.required(`${field}.name`)] : [];
  return [...faults, ...(key === '' ? [FieldError.required(`${field}.key`)] : invalidBy(configMapKey, `${field}.key`, key))];
}

/** A field of the pod that a container may see; `allowed` lists them, labels and annotations can also be had one by one. */
export function validateFieldRef(
  field: string,
  { apiVersion, fieldPath }: ObjectFieldSelector,
  allowed: readonly string[],
): readonly FieldError[] {
  if ((apiVersion ?? '') === '') return [FieldError.required(`${field}.apiVersion`)];
  if (fieldPath === '') return [FieldError.required(`${field}.fieldPath`)];
  const [, path, key] = /^(.+)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (path !== undefined && key !== undefined) {
    if (path === 'metadata.labels') return isQualifiedName(key).map((text) => FieldError.invalid(field, key, text));
    if (path === 'metadata.annotations') return isQualifiedName(key.toLowerCase()).map((text) => FieldError.invalid(field, key, text));
    return [FieldError.invalid(field, path, 'does not support subscript')];
  }
  if (!podFields.has(fieldPath)) {
    return [FieldError.invalid(`${field}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
  }
  return allowed.includes(fieldPath) ? [] : [FieldError.notSupported(`${field}.fieldPath`, fieldPath, [...allowed].sort())];
}

/** A resource of a container; a volume has to say of which (`named`). */
export function validateResourceFieldRef(field: string, ref: ResourceFieldSelector, named: boolean): readonly FieldError[] {
  const { containerName, resource, divisor } = ref;
  if (named && (containerName ?? '') === '') return [FieldError.required(`${field}.containerName`)];
  if (resource === '') return [FieldError.required(`${field}.resource`)];
  if (!resourceFields.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    return [FieldError.notSupported(`${field}.resource`, resource, resourceFields)];
  }
  return validateDivisor(`${field}.divisor`, resource, divisor ?? '0');
}

function validateDivisor(field: string, resource: string, divisor: string): readonly FieldError[] {
  const what = resource.slice(resource.indexOf('.') + 1);
  if (what === 'cpu') {
    if (isOneOf(divisor, cpuDivisors)) return [];
    return [FieldError.invalid(field, resource, "only divisor's values 1m and 1 are supported with the cpu resource")];
  }
  if (isOneOf(divisor, byteDivisors)) return [];
  const name = what === 'ephemeral-storage' ? 'local ephemeral storage' : what.startsWith('hugepages') ? 'hugepages' : 'memory';
  return [
    FieldError.invalid(
      field,
      resource,
      `only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the ${name} resource`,
    ),
  ];
}

function isOneOf(divisor: string, allowed: ReadonlySet<string>): boolean {
  return [...allowed].some((one) => compareQuantities(one, divisor) === 0);
}

/** Whole ConfigMaps and Secrets as environment. */
export function validateEnvFrom(field: string, from: readonly EnvFromSource[]): readonly FieldError[] {
  return from.flatMap((source, i) => {
    const { prefix = '', configMapRef, secretRef } = source;
    const faults = prefix === '' ? [] : [...invalidBy(envName, `${field}[${i}].prefix`, prefix)];
    for (const [name, ref] of [
      ['configMapRef', configMapRef],
      ['secretRef', secretRef],
    ] as const) {
      if (ref !== undefined && (ref.name ?? '') === '') faults.push(FieldError.required(`${field}.${name}.name`));
    }
    const given = [configMapRef, secretRef].filter((ref) => ref !== undefined).length;
    if (given === 0) faults.push(FieldError.invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (given > 1) faults.push(FieldError.invalid(field, '', 'may not have more than one field specified at a time'));
    return faults;
  });
}
