import type { DownwardAPIVolumeFile, Volume, VolumeProjection } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { defaultClaimSpec } from './persistentvolumeclaims-defaults.ts';
import { pullPolicyOf } from './image-pull-policy.ts';

/** Mode of files in volumes that are made of objects. */
const fileMode = 0o644;
const tokenSeconds = 3600;

/** One volume of a pod: a volume of no type is an empty directory. */
export function defaultVolume(volume: Volume): Volume {
  if (Object.keys(volume).every((key) => key === 'name')) return { ...volume, emptyDir: {} };
  let result = inField(volume, 'secret', (source) => defaulted(source, { defaultMode: fileMode }));
  result = inField(result, 'configMap', (source) => defaulted(source, { defaultMode: fileMode }));
  result = inField(result, 'downwardAPI', (source) => inField(defaulted(source, { defaultMode: fileMode }), 'items', defaultFiles));
  result = inField(result, 'projected', (source) =>
    inField(defaulted(source, { defaultMode: fileMode }), 'sources', (sources) => inEach(sources, defaultProjection)),
  );
  result = inField(result, 'hostPath', (source) => defaulted(source, { type: '' }));
  result = inField(result, 'iscsi', (source) => defaulted(source, { iscsiInterface: 'default' }));
  result = inField(result, 'rbd', (source) => defaulted(source, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }));
  result = inField(result, 'azureDisk', (source) =>
    defaulted(source, { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false }),
  );
  result = inField(result, 'scaleIO', (source) => defaulted(source, { storageMode: 'ThinProvisioned', fsType: 'xfs' }));
  result = inField(result, 'ephemeral', (source) =>
    inField(source, 'volumeClaimTemplate', (template) => inField(template, 'spec', defaultClaimSpec)),
  );
  return inField(result, 'image', (source) => defaulted(source, { pullPolicy: pullPolicyOf(source.reference ?? '') }));
}

function defaultProjection(projection: VolumeProjection): VolumeProjection {
  const token = inField(projection, 'serviceAccountToken', (source) => defaulted(source, { expirationSeconds: tokenSeconds }));
  return inField(token, 'downwardAPI', (source) => inField(source, 'items', defaultFiles));
}

function defaultFiles(files: readonly DownwardAPIVolumeFile[]): readonly DownwardAPIVolumeFile[] {
  return inEach(files, (file) => inField(file, 'fieldRef', (ref) => defaulted(ref, { apiVersion: 'v1' })));
}
