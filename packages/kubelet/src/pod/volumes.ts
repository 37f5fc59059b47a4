import type { Container, KeyToPath, Pod, Volume as VolumeSpec } from '@coracle/api';
import { type Frozen, getOwn, sortedEntries } from '@coracle/apimachinery';
import { type FileContent, type Mount, normalizePath, type Volume, type VolumeData } from '../container/file-system.ts';
import { expand } from './environment.ts';
import { fieldText } from './field-reference.ts';
import type { ClaimReference } from './claimed-volumes.ts';
import { ConfigError, type PodObjects, secretContent } from './pod-objects.ts';
import { resourceText } from './resource-reference.ts';

export interface VolumeInput {
  readonly pod: Frozen<Pod>;
  readonly objects: PodObjects;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** What a volume of a pod is, once the objects that it names are there. */
export type VolumePlan =
  /** Files made of objects; they follow the objects. */
  | { readonly kind: 'projected'; readonly data: VolumeData }
  /** Lives as long as the pod. */
  | { readonly kind: 'emptyDir' }
  /** Lives as long as the node. */
  | { readonly kind: 'hostPath'; readonly path: string }
  /** Lives as long as the PersistentVolume. */
  | { readonly kind: 'persistent'; readonly uid: string; readonly readOnly: boolean };

type Entry = readonly [path: string, content: FileContent];

/** What stands behind a volume cannot be had: nothing of the pod can be mounted. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError';
}

/** Undefined: not yet known, `input.objects` is pending. Throws ConfigError or ClaimError with what is missing or not supported. */
export function planVolume(volume: Frozen<VolumeSpec>, input: VolumeInput): VolumePlan | undefined {
  const { objects, pod } = input;
  if (volume.emptyDir !== undefined) return { kind: 'emptyDir' };
  if (volume.hostPath !== undefined) return { kind: 'hostPath', path: normalizePath(volume.hostPath.path) };
  if (volume.persistentVolumeClaim !== undefined)
    return planClaim(volume, { claimName: volume.persistentVolumeClaim.claimName, isOwned: false }, objects);
  if (volume.ephemeral !== undefined)
    return planClaim(volume, { claimName: `${pod.metadata.name ?? ''}-${volume.name}`, isOwned: true }, objects);
  if (volume.configMap !== undefined) return { kind: 'projected', data: configMapFiles(volume.configMap, objects) };
  if (volume.secret !== undefined) {
    const { secretName = '', ...rest } = volume.secret;
    return { kind: 'projected', data: secretFiles({ ...rest, name: secretName }, objects) };
  }
  if (volume.downwardAPI !== undefined) return { kind: 'projected', data: downwardFiles(volume.downwardAPI.items ?? [], input) };
  if (volume.projected !== undefined) return { kind: 'projected', data: projectedFiles(volume, input) };
  throw new ConfigError(`simulated nodes do not support the type of volume "${volume.name}"`);
}

function planClaim(
  { name, persistentVolumeClaim }: Frozen<VolumeSpec>,
  claim: ClaimReference,
  objects: PodObjects,
): VolumePlan | undefined {
  const answer = objects.claimedVolume(claim);
  if (answer === undefined) return undefined;
  if ('refusal' in answer) throw new ClaimError(answer.refusal);
  const { metadata, spec } = answer.volume;
  const { volumeMode = 'Filesystem' } = spec;
  if (volumeMode !== 'Filesystem') throw new ClaimError(`volume ${name} has volumeMode ${volumeMode}, but is specified in volumeMounts`);
  return { kind: 'persistent', uid: metadata.uid ?? '', readOnly: persistentVolumeClaim?.readOnly ?? false };
}

interface ObjectSource {
  readonly name?: string;
  readonly items?: readonly Frozen<KeyToPath>[];
  readonly optional?: boolean;
}

function configMapFiles({ name = '', items, optional = false }: ObjectSource, objects: PodObjects): readonly Entry[] {
  const map = objects.configMap(name);
  if (map === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`);
  const text = sortedEntries(map?.data).map(([key, value]): Entry => [key, value]);
  const binary = sortedEntries(map?.binaryData).map(([key, value]): Entry => [key, secretContent(value)]);
  return selected([...text, ...binary], items, { what: 'configmap', optional });
}

function secretFiles({ name = '', items, optional = false }: ObjectSource, objects: PodObjects): readonly Entry[] {
  const secret = objects.secret(name);
  if (secret === undefined && !optional) throw new ConfigError(`secret "${name}" not found`);
  return selected(
    sortedEntries(secret?.data).map(([key, value]): Entry => [key, secretContent(value)]),
    items,
    { what: 'secret', optional },
  );
}

function selected(
  entries: readonly Entry[],
  items: readonly Frozen<KeyToPath>[] | undefined,
  { what, optional }: { readonly what: string; readonly optional: boolean },
): readonly Entry[] {
  if (items === undefined || items.length === 0) return entries;
  return items.flatMap(({ key, path }): Entry[] => {
    const entry = entries.find(([name]) => name === key);
    if (entry === undefined && !optional)
      throw new ConfigError(`${what} references non-existent ${what === 'secret' ? 'secret' : 'config'} key: ${key}`);
    return entry === undefined ? [] : [[inner(path), entry[1]]];
  });
}

type DownwardItems = NonNullable<Frozen<NonNullable<VolumeSpec['downwardAPI']>>['items']>;

function downwardFiles(items: DownwardItems, input: VolumeInput): readonly Entry[] {
  return items.flatMap(({ path, fieldRef, resourceFieldRef }): Entry[] => {
    if (fieldRef !== undefined) return [[inner(path), fieldText(input.pod, fieldRef.fieldPath)]];
    return resourceFieldRef === undefined ? [] : [[inner(path), resourceText(resourceFieldRef, input)]];
  });
}

function projectedFiles({ projected, name }: Frozen<VolumeSpec>, input: VolumeInput): VolumeData {
  const files = new Map<string, FileContent>(); // a later source wins
  for (const { configMap, secret, downwardAPI, serviceAccountToken, ...others } of projected?.sources ?? []) {
    const entries: Entry[] = [];
    if (configMap !== undefined) entries.push(...configMapFiles(configMap, input.objects));
    if (secret !== undefined) entries.push(...secretFiles(secret, input.objects));
    if (downwardAPI !== undefined) entries.push(...downwardFiles(downwardAPI.items ?? [], input));
    if (serviceAccountToken !== undefined) {
      const token = input.objects.token(serviceAccountToken.audience ?? '', serviceAccountToken.expirationSeconds ?? 3600);
      if (token !== undefined) entries.push([inner(serviceAccountToken.path), token]);
    }
    if (Object.keys(others).length > 0) throw new ConfigError(`simulated nodes do not support a source of volume "${name}"`);
    for (const [path, content] of entries) files.set(path, content);
  }
  return [...files];
}

function inner(path: string): string {
  return normalizePath(path).slice(1);
}

/** Where a container sees the volumes of its pod. Throws ConfigError for what there is not. */
export function mountsOf(
  container: Frozen<Container>,
  volumes: ReadonlyMap<string, { readonly plan: VolumePlan; readonly volume: Volume }>,
  env: ReadonlyMap<string, string>,
): readonly Mount[] {
  if ((container.volumeDevices ?? []).length > 0)
    throw new ConfigError(`simulated nodes have no block devices, which container "${container.name}" asks for`);
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath = '', subPathExpr, readOnly = false }) => {
    const found = volumes.get(name);
    if (found === undefined) throw new ConfigError(`volume "${name}" of container "${container.name}" not found`);
    const { plan, volume } = found;
    const under = subPathExpr === undefined ? subPath : expand(subPathExpr, (variable) => getOwn(Object.fromEntries(env), variable));
    const isReadOnly = readOnly || plan.kind === 'projected' || (plan.kind === 'persistent' && plan.readOnly);
    return { mountPath: normalizePath(mountPath), volume, subPath: inner(under), readOnly: isReadOnly };
  });
}
