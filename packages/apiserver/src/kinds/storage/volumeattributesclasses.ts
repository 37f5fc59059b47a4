import type { VolumeAttributesClass } from '@coracle/api';
import { FieldError, semanticEqual } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { qualifiedName, requiredBy } from '../rules/names.ts';
import { hooksFor } from '../typed-hooks.ts';
import { validateParameters } from './storageclasses.ts';

export const volumeattributesclasses: KindHooks = hooksFor<VolumeAttributesClass>({ strategy: { validate, validateUpdate } });

function validate({ driverName, parameters }: VolumeAttributesClass): readonly FieldError[] {
  const faults = [...requiredBy((field, name) => qualifiedName(field, name.toLowerCase()), 'driverName', driverName)];
  if (Object.keys(parameters ?? {}).length === 0)
    faults.push(FieldError.required('parameters', 'must contain at least one key/value pair'));
  return [...faults, ...validateParameters('parameters', parameters)];
}

function validateUpdate(kind: VolumeAttributesClass, old: VolumeAttributesClass): readonly FieldError[] {
  const faults: FieldError[] =
    kind.driverName === old.driverName ? [] : [FieldError.forbidden('driverName', 'updates to driverName are forbidden.')];
  if (!semanticEqual(kind.parameters, old.parameters))
    faults.push(FieldError.forbidden('parameters', 'updates to parameters are forbidden.'));
  return faults;
}
