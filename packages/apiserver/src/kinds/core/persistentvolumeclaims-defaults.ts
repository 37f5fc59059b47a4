import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';

/** Spec of a claim, alone or as a template of a StatefulSet or of an ephemeral volume. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const filled = defaulted(spec, { volumeMode: 'Filesystem' });
  return inField(filled, 'resources', (resources) =>
    inField(inField(resources, 'limits', canonicalResources), 'requests', canonicalResources),
  );
}

export function defaultClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return { ...claim, spec: defaultClaimSpec(claim.spec ?? {}), status: defaulted(claim.status ?? {}, { phase: 'Pending' }) };
}

/** dataSource and dataSourceRef mean the same within a namespace: what either says, both say. */
export function withBothSources(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) return { ...spec, dataSourceRef: dataSource };
  if (dataSource !== undefined || dataSourceRef === undefined || (dataSourceRef.namespace ?? '') !== '') return spec;
  const { namespace: _, ...local } = dataSourceRef;
  return { ...spec, dataSource: local };
}
