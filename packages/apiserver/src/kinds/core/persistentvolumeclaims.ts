import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@coracle/api';
import { compareQuantities, FieldError, getOwn, semanticEqual } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultClaim, withBothSources } from './persistentvolumeclaims-defaults.ts';
import { validateClaimSpec } from './persistentvolumeclaims-validation.ts';

export const persistentvolumeclaims: KindHooks = hooksFor<PersistentVolumeClaim>({
  default: defaultClaim,
  strategy: {
    prepareForCreate: (claim) => ({ ...claim, spec: withBothSources(claim.spec ?? {}), status: { phase: 'Pending' } }),
    prepareForUpdate: (claim) => ({ ...claim, spec: withBothSources(claim.spec ?? {}) }),
    validate: ({ spec }) => validateClaimSpec('spec', spec ?? {}),
    validateUpdate: (claim, old) => [...validateClaimSpec('spec', claim.spec ?? {}), ...validateChanges(claim, old)],
  },
});

/** Upstream appends a diff of its internal structs, which no client can rely on. */
const fixed = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** A claim that has its volume may ask for more of it; the volume's name, and a class that was left open, may be set once. */
function validateChanges({ spec }: PersistentVolumeClaim, { spec: old, status }: PersistentVolumeClaim): readonly FieldError[] {
  const isBound = status?.phase === 'Bound';
  const name = (old.volumeName ?? '') === '' ? spec.volumeName : old.volumeName;
  const className = old.storageClassName ?? spec.storageClassName;
  const allowed: PersistentVolumeClaimSpec = {
    ...old,
    ...(name === undefined ? {} : { volumeName: name }),
    ...(className === undefined ? {} : { storageClassName: className }),
    ...(isBound && spec.resources !== undefined ? { resources: withRequests(old, spec) } : {}),
    ...(isBound && spec.volumeAttributesClassName !== undefined ? { volumeAttributesClassName: spec.volumeAttributesClassName } : {}),
  };
  if (!semanticEqual(allowed, spec)) return [FieldError.forbidden('spec', fixed)];
  const before = getOwn(old.resources?.requests, 'storage');
  const after = getOwn(spec.resources?.requests, 'storage');
  if (!isBound || before === undefined || after === undefined || compareQuantities(after, before) >= 0) return [];
  const capacity = getOwn(status.capacity, 'storage');
  // An expansion that failed may be taken back, but not below what there is.
  if (capacity !== undefined && compareQuantities(after, capacity) > 0) return [];
  return [FieldError.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

function withRequests(
  old: PersistentVolumeClaimSpec,
  spec: PersistentVolumeClaimSpec,
): NonNullable<PersistentVolumeClaimSpec['resources']> {
  const { requests } = spec.resources ?? {};
  return { ...old.resources, ...(requests === undefined ? {} : { requests }) };
}
