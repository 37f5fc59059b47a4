import type {
  DownwardAPIVolumeFile,
  EmptyDirVolumeSource,
  HostPathVolumeSource,
  KeyToPath,
  NFSVolumeSource,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { isNegative } from '../resource-lists.ts';
import { dnsLabel, requiredBy } from '../rules/names.ts';
import { noBacksteps, nonBackstepPath } from '../rules/paths.ts';
import { validateFieldRef, validateResourceFieldRef } from './env-validation.ts';
import { validateClaimTemplate } from './persistentvolumeclaims-validation.ts';

const volumeFields: readonly string[] = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];
const hostPathTypes: readonly string[] = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
const minTokenSeconds = 600;
const maxTokenSeconds = 2 ** 32;

/** Fields that a source cannot do without: the source of a volume, and what of it must not be empty. */
const requiredFields: Readonly<Record<string, readonly string[]>> = {
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  glusterfs: ['endpoints', 'path'],
  persistentVolumeClaim: ['claimName'],
  flexVolume: ['driver'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  csi: ['driver'],
  iscsi: ['targetPortal', 'iqn'],
  image: ['reference'],
};

/** The volumes of a pod (validation.ValidateVolumes). */
export function validateVolumes(field: string, volumes: readonly Volume[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const at = `${field}[${i}]`;
    const own = [...validateSource(at, volume), ...requiredBy(dnsLabel, `${at}.name`, volume.name)];
    if (volume.name !== '' && seen.has(volume.name)) own.push(FieldError.duplicate(`${at}.name`, volume.name));
    if (own.length === 0) seen.add(volume.name);
    faults.push(...own);
  }
  return faults;
}

/** Order in which upstream looks for the sources: the first counts, the others are too many. */
const sourceOrder = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const;

function validateSource(field: string, volume: Volume): readonly FieldError[] {
  const faults: FieldError[] = [];
  let sources = 0;
  for (const type of sourceOrder) {
    const source = volume[type];
    if (source === undefined) continue;
    if (++sources > 1) faults.push(FieldError.forbidden(`${field}.${type}`, 'may not specify more than 1 volume type'));
    else faults.push(...validateOne(`${field}.${type}`, type, volume));
  }
  if (sources === 0) faults.push(FieldError.required(field, 'must specify a volume type'));
  return faults;
}

function validateOne(field: string, type: (typeof sourceOrder)[number], volume: Volume): readonly FieldError[] {
  const { emptyDir, hostPath, secret, configMap, downwardAPI, projected, nfs, ephemeral } = volume;
  if (emptyDir !== undefined) return validateEmptyDir(field, emptyDir);
  if (type === 'hostPath' && hostPath !== undefined) return validateHostPath(field, hostPath);
  if (type === 'secret' && secret !== undefined) {
    const faults: FieldError[] = (secret.secretName ?? '') === '' ? [FieldError.required(`${field}.secretName`)] : [];
    return [...faults, ...fileMode(`${field}.defaultMode`, secret.defaultMode), ...validateItems(field, secret.items ?? [])];
  }
  if (type === 'configMap' && configMap !== undefined) {
    const faults: FieldError[] = (configMap.name ?? '') === '' ? [FieldError.required(`${field}.name`)] : [];
    return [...faults, ...fileMode(`${field}.defaultMode`, configMap.defaultMode), ...validateItems(field, configMap.items ?? [])];
  }
  if (type === 'downwardAPI' && downwardAPI !== undefined) {
    return [
      ...fileMode(`${field}.defaultMode`, downwardAPI.defaultMode),
      ...(downwardAPI.items ?? []).flatMap((file) => validateFile(field, file)),
    ];
  }
  if (type === 'projected' && projected !== undefined) return validateProjected(field, projected);
  if (type === 'nfs' && nfs !== undefined) return validateNfs(field, nfs);
  if (type === 'ephemeral' && ephemeral !== undefined) {
    const { volumeClaimTemplate } = ephemeral;
    if (volumeClaimTemplate === undefined) return [FieldError.required(`${field}.volumeClaimTemplate`)];
    return validateClaimTemplate(`${field}.volumeClaimTemplate`, volumeClaimTemplate);
  }
  return validateRequired(field, type, volume[type] as Readonly<Record<string, unknown>>); // some source's fields, asked by name
}

export function validateRequired(field: string, type: string, source: Readonly<Record<string, unknown>>): readonly FieldError[] {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
  return (requiredFields[type] ?? []).filter((name) => isEmpty(source[name])).map((name) => FieldError.required(`${field}.${name}`));
}

function validateEmptyDir(field: string, { sizeLimit }: EmptyDirVolumeSource): readonly FieldError[] {
  return sizeLimit !== undefined && isNegative(sizeLimit)
    ? [FieldError.forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
    : [];
}

export function validateHostPath(field: string, { path, type }: HostPathVolumeSource): readonly FieldError[] {
  if (path === '') return [FieldError.required(`${field}.path`)];
  const faults = [...noBacksteps(`${field}.path`, path)];
  if (type !== undefined && !hostPathTypes.includes(type)) faults.push(FieldError.notSupported(`${field}.type`, type, hostPathTypes));
  return faults;
}

export function validateNfs(field: string, { server, path }: NFSVolumeSource): readonly FieldError[] {
  const faults: FieldError[] = server === '' ? [FieldError.required(`${field}.server`)] : [];
  if (path === '') faults.push(FieldError.required(`${field}.path`));
  else if (!path.startsWith('/')) faults.push(FieldError.invalid(`${field}.path`, path, 'must be an absolute path'));
  return faults;
}

function fileMode(field: string, mode: number | undefined): readonly FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [FieldError.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}

function validateItems(field: string, items: readonly KeyToPath[]): readonly FieldError[] {
  return items.flatMap(({ key, path, mode }, i) => {
    const at = `${field}.items[${i}]`;
    const faults: FieldError[] = key === '' ? [FieldError.required(`${at}.key`)] : [];
    faults.push(...(path === '' ? [FieldError.required(`${at}.path`)] : nonBackstepPath(`${at}.path`, path)));
    return [...faults, ...fileMode(`${at}.mode`, mode)];
  });
}

/** Upstream names the volume here, not the item. */
function validateFile(field: string, { path, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile): readonly FieldError[] {
  const faults: FieldError[] = path === '' ? [FieldError.required(`${field}.path`)] : [...nonBackstepPath(`${field}.path`, path)];
  if (fieldRef !== undefined) {
    faults.push(...validateFieldRef(`${field}.fieldRef`, fieldRef, volumeFields));
    if (resourceFieldRef !== undefined)
      faults.push(FieldError.invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef !== undefined) faults.push(...validateResourceFieldRef(`${field}.resourceFieldRef`, resourceFieldRef, true));
  else faults.push(FieldError.required(field, 'one of fieldRef and resourceFieldRef is required'));
  return [...faults, ...fileMode(`${field}.mode`, mode)];
}

function validateProjected(field: string, { defaultMode, sources }: ProjectedVolumeSource): readonly FieldError[] {
  const faults = [...fileMode(`${field}.defaultMode`, defaultMode)];
  const paths = new Set<string>();
  for (const [i, source] of (sources ?? []).entries()) {
    faults.push(...validateProjection(field, `${field}.sources[${i}]`, source));
    for (const { path, shown } of projectedPaths(source)) {
      if (path !== '' && paths.has(path)) faults.push(FieldError.invalid(field, shown, 'conflicting duplicate paths'));
      paths.add(path);
    }
  }
  return faults;
}

/** Where the files of a source go, and how a conflict names them: by their object, if they have one. */
function projectedPaths(source: VolumeProjection): readonly { readonly path: string; readonly shown: string }[] {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  const ofObject = [secret, configMap].flatMap((object) => (object?.items ?? []).map(({ path }) => ({ path, shown: object?.name ?? '' })));
  const others = [...(downwardAPI?.items ?? []), serviceAccountToken, clusterTrustBundle].filter((one) => one !== undefined);
  return [...ofObject, ...others.map(({ path }) => ({ path, shown: path }))];
}

function validateProjection(volume: string, field: string, projection: VolumeProjection): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { secret, configMap, downwardAPI, serviceAccountToken: token } = projection;
  const given = Object.keys(projection);
  if (given.length > 1) faults.push(FieldError.forbidden(`${field}.${given[1] ?? ''}`, 'may not specify more than 1 volume type'));
  for (const [type, source] of [
    ['secret', secret],
    ['configMap', configMap],
  ] as const) {
    if (source === undefined) continue;
    if ((source.name ?? '') === '') faults.push(FieldError.required(`${field}.${type}.name`));
    faults.push(...validateItems(`${field}.${type}`, source.items ?? []));
  }
  for (const file of downwardAPI?.items ?? []) faults.push(...validateFile(`${field}.downwardAPI`, file));
  if (token !== undefined) {
    const at = `${field}.serviceAccountToken.expirationSeconds`;
    const { expirationSeconds = 0 } = token;
    if (expirationSeconds < minTokenSeconds)
      faults.push(FieldError.invalid(at, expirationSeconds, 'may not specify a duration less than 10 minutes'));
    if (expirationSeconds > maxTokenSeconds)
      faults.push(FieldError.invalid(at, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'));
    faults.push(...(token.path === '' ? [FieldError.required(`${volume}.path`)] : nonBackstepPath(`${volume}.path`, token.path)));
  }
  if (given.length === 0) faults.push(FieldError.required(field, 'specify one of: secret, downwardAPI, configMap, serviceAccountToken'));
  return faults;
}
