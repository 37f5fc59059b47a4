import type { PersistentVolumeClaim } from '@coracle/api';
import { emptyText, type GoShape, goStruct } from '../rules/go-struct.ts';

const resources: GoShape = [
  ['Limits', 'limits'],
  ['Requests', 'requests'],
];
const spec: GoShape = [
  ['AccessModes', 'accessModes'],
  ['Selector', 'selector'],
  ['Resources', 'resources', { of: resources, pointer: false }],
  ['VolumeName', 'volumeName', emptyText],
  ['StorageClassName', 'storageClassName'],
  ['VolumeMode', 'volumeMode'],
  ['DataSource', 'dataSource'],
  ['DataSourceRef', 'dataSourceRef'],
  ['VolumeAttributesClassName', 'volumeAttributesClassName'],
];
const status: GoShape = [
  ['Phase', 'phase', emptyText],
  ['AccessModes', 'accessModes'],
  ['Capacity', 'capacity'],
  ['Conditions', 'conditions'],
  ['AllocatedResources', 'allocatedResources'],
  ['AllocatedResourceStatuses', 'allocatedResourceStatuses'],
  ['CurrentVolumeAttributesClassName', 'currentVolumeAttributesClassName'],
  ['ModifyVolumeStatus', 'modifyVolumeStatus'],
  ['HealthStatus', 'healthStatus'],
];

/** Claims as messages show them: metadata has its names of the wire even in Go's internal struct. */
export function shownClaims(claims: readonly PersistentVolumeClaim[] | undefined): unknown {
  if (claims === undefined) return null;
  return claims.map((claim) => ({
    ...claim.metadata,
    Spec: goStruct(spec, claim.spec ?? {}),
    Status: goStruct(status, claim.status ?? {}),
  }));
}
