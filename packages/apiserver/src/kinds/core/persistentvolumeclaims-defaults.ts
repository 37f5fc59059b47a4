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

/**
 * dataSource and dataSourceRef mean the same within a namespace: what either says, both say. The older field takes claims and
 * snapshots only and is silently emptied of others, as it was before the newer one came.
 */
export function withBothSources(sent: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const isKept = sent.dataSource === undefined || sent.dataSourceRef !== undefined || isKnownSource(sent.dataSource);
  const spec = isKept ? sent : withoutSource(sent);
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) return { ...spec, dataSourceRef: dataSource };
  if (dataSource !== undefined || dataSourceRef === undefined || (dataSourceRef.namespace ?? '') !== '') return spec;
  const { namespace: _, ...local } = dataSourceRef;
  return { ...spec, dataSource: local };
}

function isKnownSource({ apiGroup = '', kind }: NonNullable<PersistentVolumeClaimSpec['dataSource']>): boolean {
  return (apiGroup === '' && kind === 'PersistentVolumeClaim') || (apiGroup === 'snapshot.storage.k8s.io' && kind === 'VolumeSnapshot');
}

function withoutSource(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource: _, ...rest } = spec;
  return rest;
}
