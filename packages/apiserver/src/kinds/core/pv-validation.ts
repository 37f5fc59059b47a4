import type { PersistentVolume, PersistentVolumeSpec } from '@coracle/api';
import { FieldError, getOwn, semanticEqual, sortedEntries } from '@coracle/apimachinery';
import { isPositive } from '../resource-lists.ts';
import { dnsSubdomain } from '../rules/names.ts';
import { resourceName } from '../rules/resources.ts';
import { immutable } from '../rules/workload.ts';
import { accessModes, volumeModes } from './persistentvolumeclaims-validation.ts';
import { validateNodeSelector } from './scheduling-validation.ts';
import { validateHostPath, validateNfs, validateRequired } from './volume-validation.ts';

const policies = ['Delete', 'Recycle', 'Retain'];
/** In the order in which upstream looks for them. */
const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const;

/** A volume (validation.ValidatePersistentVolume); the order of the faults is upstream's. */
export function validateVolume({ spec }: PersistentVolume): readonly FieldError[] {
  const { accessModes: modes = [], capacity, persistentVolumeReclaimPolicy: policy, storageClassName = '', volumeMode } = spec;
  const faults: FieldError[] = [];
  if (modes.length === 0) faults.push(FieldError.required('spec.accessModes'));
  for (const mode of modes) if (!accessModes.includes(mode)) faults.push(FieldError.notSupported('spec.accessModes', mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    faults.push(FieldError.forbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes'));
  }
  faults.push(...validateCapacity(capacity));
  if (policy !== undefined && !policies.includes(policy))
    faults.push(FieldError.notSupported('spec.persistentVolumeReclaimPolicy', policy, policies));
  if (spec.nodeAffinity !== undefined) {
    const { required } = spec.nodeAffinity;
    if (required === undefined) faults.push(FieldError.required('spec.nodeAffinity.required', 'must specify required node constraints'));
    else faults.push(...validateNodeSelector('spec.nodeAffinity.required', required));
  }
  faults.push(...validateSource(spec));
  if (policy === 'Recycle' && /^\/*$/.test(spec.hostPath?.path ?? 'none')) {
    faults.push(FieldError.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (storageClassName !== '') faults.push(...dnsSubdomain('spec.storageClassName', storageClassName));
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    faults.push(FieldError.notSupported('spec.volumeMode', volumeMode, volumeModes));
  return [...faults, ...validateAttributesClass(spec)];
}

function validateCapacity(capacity: PersistentVolumeSpec['capacity']): readonly FieldError[] {
  const faults: FieldError[] = capacity === undefined ? [FieldError.required('spec.capacity')] : [];
  const names = Object.keys(capacity ?? {});
  if (getOwn(capacity, 'storage') === undefined || names.length > 1) {
    faults.push(FieldError.notSupported('spec.capacity', capacity ?? null, ['storage']));
  }
  for (const [name, quantity] of sortedEntries(capacity)) {
    faults.push(...resourceName(`spec.capacity[${name}]`, name));
    if (!isPositive(quantity)) faults.push(FieldError.invalid(`spec.capacity[${name}]`, quantity, 'must be greater than zero'));
  }
  return faults;
}

function validateSource(spec: PersistentVolumeSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  let given = 0;
  for (const type of sources) {
    const source = spec[type];
    if (source === undefined) continue;
    if (++given > 1) faults.push(FieldError.forbidden(`spec.${type}`, 'may not specify more than 1 volume type'));
    else faults.push(...validateOne(spec, type));
  }
  if (given === 0) faults.push(FieldError.required('spec', 'must specify a volume type'));
  return faults;
}

function validateOne(spec: PersistentVolumeSpec, type: (typeof sources)[number]): readonly FieldError[] {
  const field = `spec.${type}`;
  const { hostPath, nfs, local, csi, nodeAffinity } = spec;
  if (hostPath !== undefined) return validateHostPath(field, hostPath);
  if (type === 'nfs' && nfs !== undefined) return validateNfs(field, nfs);
  if (type === 'local' && local !== undefined) {
    const faults: FieldError[] = local.path === '' ? [FieldError.required(`${field}.path`)] : [];
    return nodeAffinity === undefined
      ? [...faults, FieldError.required('metadata.annotations', 'Local volume requires node affinity')]
      : faults;
  }
  if (type === 'csi' && csi !== undefined) {
    const faults: FieldError[] =
      csi.driver === '' ? [FieldError.required(`${field}.driver`)] : [...dnsSubdomain(`${field}.driver`, csi.driver.toLowerCase())];
    return csi.volumeHandle === '' ? [...faults, FieldError.required(`${field}.volumeHandle`)] : faults;
  }
  return validateRequired(field, type, spec[type] as Readonly<Record<string, unknown>>); // some source's fields, asked by name
}

function validateAttributesClass({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): readonly FieldError[] {
  if (name === undefined) return [];
  const field = 'spec.volumeAttributesClassName';
  const faults: FieldError[] = name === '' ? [FieldError.required(field, 'an empty string is disallowed')] : [...dnsSubdomain(field, name)];
  return csi === undefined
    ? [...faults, FieldError.required('spec.csi', 'has to be specified when using volumeAttributesClassName')]
    : faults;
}

/** Upstream appends a diff of its internal structs, which no client can rely on. */
export function validateVolumeUpdate({ spec }: PersistentVolume, { spec: old }: PersistentVolume): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (sources.some((type) => !semanticEqual(spec[type], old[type]))) {
    faults.push(FieldError.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  }
  faults.push(...immutable('spec.volumeMode', spec.volumeMode, old.volumeMode));
  return faults;
}
