import type { PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate } from '@coracle/api';
import { FieldError, getOwn } from '@coracle/apimachinery';
import { isPositive } from '../resource-lists.ts';
import { validateLabelSelector } from '../rules/labels.ts';
import { dnsSubdomain } from '../rules/names.ts';

export const accessModes: readonly string[] = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes: readonly string[] = ['Block', 'Filesystem'];

export function validateClaimTemplate(field: string, { spec }: PersistentVolumeClaimTemplate): readonly FieldError[] {
  return validateClaimSpec(`${field}.spec`, spec);
}

/** What is asked of a volume (validation.ValidatePersistentVolumeClaimSpec). */
export function validateClaimSpec(field: string, spec: PersistentVolumeClaimSpec): readonly FieldError[] {
  const { accessModes: modes = [], volumeMode, storageClassName = '', volumeAttributesClassName } = spec;
  const faults: FieldError[] = [];
  if ((modes ?? []).length === 0) faults.push(FieldError.required(`${field}.accessModes`, 'at least 1 access mode is required'));
  faults.push(...validateLabelSelector(`${field}.selector`, spec.selector));
  for (const mode of modes ?? [])
    if (!accessModes.includes(mode)) faults.push(FieldError.notSupported(`${field}.accessModes`, mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    faults.push(FieldError.forbidden(`${field}.accessModes`, 'may not use ReadWriteOncePod with other access modes'));
  }
  const storage = getOwn(spec.resources?.requests, 'storage');
  const at = `${field}.resources[storage]`;
  if (storage === undefined) faults.push(FieldError.required(at));
  else if (!isPositive(storage)) faults.push(FieldError.invalid(at, storage, 'must be greater than zero'));
  if (storageClassName !== '') faults.push(...dnsSubdomain(`${field}.storageClassName`, storageClassName));
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    faults.push(FieldError.notSupported(`${field}.volumeMode`, volumeMode, volumeModes));
  faults.push(...validateSources(field, spec));
  if (volumeAttributesClassName !== undefined && volumeAttributesClassName !== '') {
    faults.push(...dnsSubdomain(`${field}.volumeAttributesClassName`, volumeAttributesClassName));
  }
  return faults;
}

function validateSources(field: string, { dataSource, dataSourceRef }: PersistentVolumeClaimSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [name, source] of [
    ['dataSource', dataSource],
    ['dataSourceRef', dataSourceRef],
  ] as const) {
    if (source === undefined) continue;
    const at = `${field}.${name}`;
    if (source.name === '') faults.push(FieldError.required(`${at}.name`));
    if (source.kind === '') faults.push(FieldError.required(`${at}.kind`));
    if ((source.apiGroup ?? '') === '' && source.kind !== 'PersistentVolumeClaim') {
      faults.push(FieldError.invalid(at, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
    }
  }
  if (dataSource === undefined || dataSourceRef === undefined || (dataSourceRef.namespace ?? '') !== '') return faults;
  const differs =
    dataSource.name !== dataSourceRef.name ||
    dataSource.kind !== dataSourceRef.kind ||
    (dataSource.apiGroup ?? '') !== (dataSourceRef.apiGroup ?? '');
  // The value that upstream shows here has no exported field.
  return differs ? [...faults, FieldError.invalid(field, {}, 'must match dataSourceRef')] : faults;
}
