import type { Container, ContainerPort, PodSpec, Volume, VolumeDevice, VolumeMount } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { dnsLabel, requiredBy } from '../rules/names.ts';
import { portName, portNumber } from '../rules/numbers.ts';
import { descendingPath } from '../rules/paths.ts';
import { validateRequirements } from '../rules/resources.ts';
import { validateEnv, validateEnvFrom } from './env-validation.ts';
import { validateLifecycle, validateProbes } from './probe-validation.ts';
import { validateSecurityContext } from './security-validation.ts';

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const restartPolicies = ['Always', 'Never', 'OnFailure'];

/** The containers of a pod that run side by side. */
export function validateContainers(field: string, containers: readonly Container[], spec: PodSpec): readonly FieldError[] {
  if (containers.length === 0) return [FieldError.required(field)];
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = `${field}[${i}]`;
    faults.push(...validateContainer(at, container, spec));
    if (seen.has(container.name)) faults.push(FieldError.duplicate(`${at}.name`, container.name));
    else seen.add(container.name);
    faults.push(...validateRestart(at, container));
    faults.push(...validateLifecycle(`${at}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds ?? 0));
    faults.push(...validateProbes(at, container));
  }
  return [...faults, ...hostPortConflicts(field, containers)];
}

/** Containers that run one after another before the others; with restartPolicy Always they stay (sidecars). */
export function validateInitContainers(field: string, containers: readonly Container[], spec: PodSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set((spec.containers ?? []).map(({ name }) => name));
  for (const [i, container] of containers.entries()) {
    const at = `${field}[${i}]`;
    faults.push(...validateContainer(at, container, spec), ...validateRestart(at, container));
    if (container.name !== '' && seen.has(container.name)) faults.push(FieldError.duplicate(`${at}.name`, container.name));
    else seen.add(container.name);
    faults.push(...hostPortConflicts(field, [container]));
    if (container.restartPolicy === 'Always') {
      faults.push(...validateLifecycle(`${at}.lifecycle`, container.lifecycle, spec.terminationGracePeriodSeconds ?? 0));
      faults.push(...validateProbes(at, container));
    } else {
      for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
        if (container[key] === undefined) continue;
        faults.push(FieldError.forbidden(`${at}.${key}`, 'may not be set for init containers without restartPolicy=Always'));
      }
    }
  }
  return faults;
}

function validateRestart(field: string, { restartPolicy }: Container): readonly FieldError[] {
  if (restartPolicy === undefined || restartPolicies.includes(restartPolicy)) return [];
  return [FieldError.notSupported(`${field}.restartPolicy`, restartPolicy, restartPolicies)];
}

function validateContainer(field: string, container: Container, spec: PodSpec): readonly FieldError[] {
  const { image = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container;
  const faults: FieldError[] = [...requiredBy(dnsLabel, `${field}.name`, container.name)];
  faults.push(...validateImage(`${field}.image`, image));
  if (!['File', 'FallbackToLogsOnError'].includes(terminationMessagePolicy)) {
    faults.push(FieldError.notSupported(`${field}.terminationMessagePolicy`, terminationMessagePolicy, ['File', 'FallbackToLogsOnError']));
  }
  faults.push(
    ...validatePorts(`${field}.ports`, container.ports ?? []),
    ...validateEnv(`${field}.env`, container.env ?? []),
    ...validateEnvFrom(`${field}.envFrom`, container.envFrom ?? []),
    ...validateMounts(`${field}.volumeMounts`, container, spec.volumes ?? []),
    ...validateDevices(`${field}.volumeDevices`, container.volumeDevices ?? [], spec.volumes ?? []),
  );
  if (!pullPolicies.includes(imagePullPolicy))
    faults.push(FieldError.notSupported(`${field}.imagePullPolicy`, imagePullPolicy, pullPolicies));
  faults.push(
    ...validateRequirements(
      `${field}.resources`,
      container.resources,
      (spec.resourceClaims ?? []).map(({ name }) => name),
    ),
    ...validateSecurityContext(`${field}.securityContext`, container.securityContext, spec.hostUsers ?? true),
  );
  return faults;
}

export function validateImage(field: string, image: string): readonly FieldError[] {
  if (image === '') return [FieldError.required(field)];
  return image.trim() === image ? [] : [FieldError.invalid(field, image, 'must not have leading or trailing whitespace')];
}

function validatePorts(field: string, ports: readonly ContainerPort[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name = '', containerPort, hostPort = 0, protocol = '' }] of ports.entries()) {
    const at = `${field}[${i}]`;
    if (name !== '') {
      const named = portName(`${at}.name`, name);
      if (named.length === 0 && seen.has(name)) faults.push(FieldError.duplicate(`${at}.name`, name));
      faults.push(...named);
      seen.add(name);
    }
    faults.push(...(containerPort === 0 ? [FieldError.required(`${at}.containerPort`)] : portNumber(`${at}.containerPort`, containerPort)));
    if (hostPort !== 0) faults.push(...portNumber(`${at}.hostPort`, hostPort));
    if (protocol === '') faults.push(FieldError.required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) faults.push(FieldError.notSupported(`${at}.protocol`, protocol, protocols));
  }
  return faults;
}

/** Two containers of a pod cannot hold one port of the node. */
function hostPortConflicts(field: string, containers: readonly Container[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { ports = [] }] of containers.entries()) {
    for (const [j, { hostPort = 0, protocol = '', hostIP = '' }] of ports.entries()) {
      if (hostPort === 0) continue;
      const text = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(text)) faults.push(FieldError.duplicate(`${field}[${i}].ports[${j}].hostPort`, text));
      seen.add(text);
    }
  }
  return faults;
}

function validateMounts(field: string, container: Container, volumes: readonly Volume[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const paths = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${field}[${i}]`;
    if (mount.name === '') faults.push(FieldError.required(`${at}.name`));
    if (!volumes.some(({ name }) => name === mount.name)) faults.push(FieldError.notFound(`${at}.name`, mount.name));
    if (mount.mountPath === '') faults.push(FieldError.required(`${at}.mountPath`));
    if (paths.has(mount.mountPath)) faults.push(FieldError.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    for (const { name, devicePath } of container.volumeDevices ?? []) {
      if (name === mount.name) faults.push(FieldError.invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices'));
      if (devicePath === mount.mountPath) {
        faults.push(FieldError.invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'));
      }
    }
    faults.push(...validateMountParts(field, mount, container));
  }
  return faults;
}

/** Upstream names the list here, not the item. */
function validateMountParts(field: string, mount: VolumeMount, container: Container): readonly FieldError[] {
  const { subPath = '', subPathExpr = '', mountPropagation } = mount;
  const faults = subPath === '' ? [] : [...descendingPath(`${field}.subPath`, subPath)];
  if (subPathExpr !== '') {
    if (subPath !== '')
      faults.push(FieldError.invalid(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    faults.push(...descendingPath(`${field}.subPathExpr`, subPathExpr));
  }
  if (mountPropagation !== undefined) {
    const supported = ['Bidirectional', 'HostToContainer', 'None'];
    if (!supported.includes(mountPropagation))
      faults.push(FieldError.notSupported(`${field}.mountPropagation`, mountPropagation, supported));
    if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      faults.push(
        FieldError.forbidden(`${field}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'),
      );
    }
  }
  return faults;
}

function validateDevices(field: string, devices: readonly VolumeDevice[], volumes: readonly Volume[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [i, { name, devicePath }] of devices.entries()) {
    const at = `${field}[${i}]`;
    const volume = volumes.find((one) => one.name === name);
    if (name === '') faults.push(FieldError.required(`${at}.name`));
    if (names.has(name)) faults.push(FieldError.invalid(`${at}.name`, name, 'must be unique'));
    if (volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      faults.push(
        FieldError.invalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'),
      );
    }
    if (volume === undefined) faults.push(FieldError.notFound(`${at}.name`, name));
    if (devicePath === '') faults.push(FieldError.required(`${at}.devicePath`));
    if (devicePath !== '' && paths.has(devicePath)) faults.push(FieldError.invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..'))
      faults.push(FieldError.invalid(`${at}.devicePath`, devicePath, 'can not contain backsteps (..)'));
    names.add(name);
    paths.add(devicePath);
  }
  return faults;
}
