import type { ResourceSlice, ResourceSliceSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { caselessSubdomain, dnsLabel, requiredBy } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';
import { validateDevices } from './device-validation.ts';

const placements = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

export const resourceslices: KindHooks = hooksFor<ResourceSlice>({
  strategy: {
    hasGeneration: true,
    validate,
    validateUpdate: (slice, old) => [
      ...validate(slice),
      ...immutable('spec.driver', slice.spec.driver, old.spec.driver),
      ...immutable('spec.pool.name', slice.spec.pool.name, old.spec.pool.name),
      ...immutable('spec.nodeName', slice.spec.nodeName, old.spec.nodeName),
    ],
  },
  selectableFields: {
    'spec.nodeName': selectable((slice) => slice.spec.nodeName),
    'spec.driver': selectable((slice) => slice.spec.driver),
  },
});

function validate({ spec }: ResourceSlice): readonly FieldError[] {
  const { driver, pool } = spec;
  const faults = [...requiredBy(caselessSubdomain, 'spec.driver', driver)];
  faults.push(...requiredBy((field, name) => name.split('/').flatMap((part) => dnsLabel(field, part)), 'spec.pool.name', pool?.name));
  const { resourceSliceCount: count, generation } = pool ?? {};
  if (count <= 0) faults.push(FieldError.invalid('spec.pool.resourceSliceCount', count, 'must be greater than zero'));
  if (generation < 0) faults.push(FieldError.invalid('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  return [...faults, ...validatePlacement(spec), ...validateDevices('spec.devices', spec.devices ?? [])];
}

/** Devices belong to one node, to some, to all, or each says where. */
function validatePlacement(spec: ResourceSliceSpec): readonly FieldError[] {
  const given = placements.filter((key) => spec[key] !== undefined && spec[key] !== false && spec[key] !== '');
  const names = placements.map((key) => `\`${key}\``).join(', ');
  if (given.length === 0) return [FieldError.required('spec', `exactly one of ${names} is required`)];
  if (given.length === 1) return [];
  const shown = `{${given.map((key) => `\`${key}\``).join(', ')}}`;
  return [FieldError.invalid('spec', shown, `exactly one of ${names} is required, but multiple fields are set`)];
}
