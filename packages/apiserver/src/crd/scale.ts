import type { CustomResourceSubresourceScale } from '@coracle/api';
import { FieldError, type Frozen, hasOwn, newBadRequest, newInternalError, type Unstructured } from '@coracle/apimachinery';
import type { ApiObject } from '../registry/definition.ts';
import { isJsonMap, type JsonMap, jsonText, jsonType } from './json-value.ts';

/** Where a custom resource keeps what its `/scale` shows: paths in dot notation, such as `.spec.replicas`. */
export type ScalePaths = Frozen<CustomResourceSubresourceScale>;

const maxInt32 = 2 ** 31 - 1;

/** The autoscaling/v1 Scale of an object, and whether the object says how many replicas it wants. Throws StatusError (500). */
export function scaleOf(object: ApiObject, paths: ScalePaths): { readonly scale: Unstructured; readonly hasReplicas: boolean } {
  const wanted = valueAt(object, paths.specReplicasPath, 'integer');
  const current = valueAt(object, paths.statusReplicasPath, 'integer');
  const selector = (paths.labelSelectorPath ?? '') === '' ? {} : valueAt(object, paths.labelSelectorPath ?? '', 'string');
  for (const { fault } of [wanted, current, selector]) if (fault !== undefined) throw newInternalError(fault);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
  const scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: wanted.value === undefined ? {} : { replicas: Number(wanted.value) },
    status: {
      replicas: Number(current.value ?? 0),
      ...(selector.value === undefined || selector.value === '' ? {} : { selector: jsonText(selector.value) }),
    },
  };
  return { scale, hasReplicas: wanted.value !== undefined };
}

/** `scaleOf` for who reads it: an object that says nothing of replicas has none. Throws StatusError (500). */
export function readScale(object: ApiObject, paths: ScalePaths): Unstructured {
  const { scale, hasReplicas } = scaleOf(object, paths);
  if (!hasReplicas) throw newInternalError(`the spec replicas field "${paths.specReplicasPath}" does not exist`);
  return scale;
}

/** `object` scaled as `scale` asks. Throws StatusError (400) when that names no number. */
export function withScale(object: ApiObject, scale: Unstructured, paths: ScalePaths): Unstructured {
  const spec: unknown = scale['spec'];
  const replicas: unknown = isJsonMap(spec) ? spec['replicas'] : undefined;
  if (jsonType(replicas) !== 'integer') throw newBadRequest(`the spec replicas field "${paths.specReplicasPath}" cannot be empty`);
  const names = namesOf(paths.specReplicasPath);
  const { resourceVersion } = scale.metadata;
  const changed = setAt(object, names, replicas) as Unstructured; // an object with one number changed
  return resourceVersion === undefined || resourceVersion === ''
    ? changed
    : { ...changed, metadata: { ...changed.metadata, resourceVersion } };
}

/** Faults of the fields that `/scale` shows, as part of the object's validation. Updates of the status check that part only. */
export function scaleFaults(object: ApiObject, paths: ScalePaths, parts: readonly ('spec' | 'status')[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (parts.includes('spec')) faults.push(...replicasFaults(object, paths.specReplicasPath));
  if (!parts.includes('status')) return faults;
  faults.push(...replicasFaults(object, paths.statusReplicasPath));
  if (paths.labelSelectorPath === undefined) return faults;
  const selector = valueAt(object, paths.labelSelectorPath, 'string');
  return selector.fault === undefined ? faults : [...faults, FieldError.invalid(paths.labelSelectorPath, '', selector.fault)];
}

function replicasFaults(object: ApiObject, path: string): readonly FieldError[] {
  const { value, fault } = valueAt(object, path, 'integer');
  if (fault !== undefined) return [FieldError.invalid(path, 0, fault)];
  const replicas = Number(value ?? 0);
  if (replicas < 0) return [FieldError.invalid(path, replicas, 'should be a non-negative integer')];
  return replicas > maxInt32 ? [FieldError.invalid(path, replicas, `should be less than or equal to ${maxInt32}`)] : [];
}

interface Found {
  readonly value?: unknown;
  /** Why there is no value of the type, in the words of upstream's accessors. */
  readonly fault?: string;
}

function valueAt(object: ApiObject, path: string, type: 'integer' | 'string'): Found {
  let value: unknown = object;
  const names = namesOf(path);
  for (const [i, name] of names.entries()) {
    if (value === null) return {};
    if (!isJsonMap(value)) {
      return { fault: accessorFault(names.slice(0, i), value, 'map[string]interface{}') };
    }
    if (!hasOwn(value, name)) return {};
    value = value[name];
  }
  if (jsonType(value) === type) return { value };
  return { fault: accessorFault(names, value, type === 'integer' ? 'int64' : 'string') };
}

function accessorFault(names: readonly string[], value: unknown, wanted: string): string {
  return `.${names.join('.')} accessor error: ${shown(value)} is of the type ${goType(value)}, expected ${wanted}`;
}

function namesOf(path: string): readonly string[] {
  return path.replace(/^\./, '').split('.');
}

function setAt(value: unknown, [name, ...rest]: readonly string[], replaced: unknown): JsonMap {
  const map = isJsonMap(value) ? value : {};
  if (name === undefined) return map;
  return { ...map, [name]: rest.length === 0 ? replaced : setAt(hasOwn(map, name) ? map[name] : undefined, rest, replaced) };
}

function shown(value: unknown): string {
  return value === null ? '<nil>' : jsonText(value);
}

function goType(value: unknown): string {
  switch (jsonType(value)) {
    case 'null':
      return '<nil>';
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int64';
    case 'number':
      return 'float64';
    case 'string':
      return 'string';
    case 'array':
      return '[]interface {}';
    case 'object':
      return 'map[string]interface {}';
  }
}
