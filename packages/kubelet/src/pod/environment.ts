import type { Container, EnvVar, Pod, Service } from '@coracle/api';
import { type Frozen, getOwn, sortedEntries } from '@coracle/apimachinery';
import { textOf } from '../container/file-system.ts';
import { ConfigError, type PodObjects, secretContent } from './pod-objects.ts';
import { fieldText } from './field-reference.ts';
import { resourceText } from './resource-reference.ts';

export interface EnvironmentInput {
  /** With the addresses in its status. */
  readonly pod: Frozen<Pod>;
  readonly container: Frozen<Container>;
  readonly objects: PodObjects;
  readonly services: readonly Frozen<Service>[];
  /** `default/kubernetes`, which every pod is told of. */
  readonly master: Frozen<Service> | undefined;
  /** Of the node: the limit of a container that has none. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/**
 * The variables of a container (kubelet_pods.go makeEnvironmentVariables): of Services, then envFrom, then env, a later one
 * replacing an earlier. `$(NAME)` in a value stands for a variable before it. Throws ConfigError.
 */
export function environment(input: EnvironmentInput): ReadonlyMap<string, string> {
  const { pod, container } = input;
  const env = new Map<string, string>();
  const links = serviceVariables(input);
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    for (const [key, value] of configMapRef === undefined ? [] : configMapData(input, configMapRef)) env.set(prefix + key, value);
    for (const [key, value] of secretRef === undefined ? [] : secretData(input, secretRef)) env.set(prefix + key, value);
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, input, (name) => env.get(name) ?? links.get(name));
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of links) if (!env.has(name)) env.set(name, value);
  env.set('HOSTNAME', pod.spec.hostname ?? pod.metadata.name ?? '');
  return env;
}

function valueOf(
  { value = '', valueFrom, name }: Frozen<EnvVar>,
  input: EnvironmentInput,
  known: (name: string) => string | undefined,
): string | undefined {
  if (valueFrom === undefined) return expand(value, known);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return fieldText(input.pod, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined) return resourceText(resourceFieldRef, input);
  if (configMapKeyRef !== undefined) {
    const { name: map = '', key, optional = false } = configMapKeyRef;
    const found = getOwn(Object.fromEntries(configMapData(input, { name: map, optional })), key);
    if (found === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in ConfigMap ${input.pod.metadata.namespace ?? ''}/${map}`);
    return found;
  }
  if (secretKeyRef !== undefined) {
    const { name: secret = '', key, optional = false } = secretKeyRef;
    const found = getOwn(Object.fromEntries(secretData(input, { name: secret, optional })), key);
    if (found === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in Secret ${input.pod.metadata.namespace ?? ''}/${secret}`);
    return found;
  }
  throw new ConfigError(`simulated nodes do not support the source of environment variable ${name}`);
}

type NamedReference = { readonly name?: string; readonly optional?: boolean };

function configMapData(
  { objects }: EnvironmentInput,
  { name = '', optional = false }: NamedReference,
): readonly (readonly [string, string])[] {
  const map = objects.configMap(name);
  if (map === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`);
  return sortedEntries(map?.data);
}

function secretData(
  { objects }: EnvironmentInput,
  { name = '', optional = false }: NamedReference,
): readonly (readonly [string, string])[] {
  const secret = objects.secret(name);
  if (secret === undefined && !optional) throw new ConfigError(`secret "${name}" not found`);
  return sortedEntries(secret?.data).map(([key, base64]) => [key, textOf(secretContent(base64))] as const);
}

/** `REDIS_SERVICE_HOST` and so on, of the Services that were there when the container started (pkg/kubelet/envvars). */
function serviceVariables({ pod, services, master }: EnvironmentInput): ReadonlyMap<string, string> {
  const own = pod.spec.enableServiceLinks === false ? [] : services;
  const all = master === undefined ? own : [...own.filter((service) => service !== master), master];
  const variables = new Map<string, string>();
  for (const { metadata, spec } of all) {
    const [first] = spec.ports ?? [];
    const ip = spec.clusterIP ?? '';
    if (first === undefined || ip === '' || ip === 'None') continue;
    const prefix = (metadata.name ?? '').replaceAll('-', '_').toUpperCase();
    variables.set(`${prefix}_SERVICE_HOST`, ip);
    variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const { name = '', port } of spec.ports ?? [])
      if (name !== '') variables.set(`${prefix}_SERVICE_PORT_${name.replaceAll('-', '_').toUpperCase()}`, String(port));
    for (const [i, { port, protocol = 'TCP' }] of (spec.ports ?? []).entries()) {
      const url = `${protocol.toLowerCase()}://${ip}:${port}`;
      const base = `${prefix}_PORT_${port}_${protocol}`;
      if (i === 0) variables.set(`${prefix}_PORT`, url);
      for (const [suffix, value] of [
        ['', url],
        ['_PROTO', protocol.toLowerCase()],
        ['_PORT', String(port)],
        ['_ADDR', ip],
      ] as const)
        variables.set(base + suffix, value);
    }
  }
  return variables;
}

/** `$(NAME)` becomes the variable, `$$` a dollar; what is not known stays as it is (third_party/forked/golang/expansion). */
export function expand(text: string, known: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => (name === undefined ? '$' : (known(name) ?? whole)));
}
