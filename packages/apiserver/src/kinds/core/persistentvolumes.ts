import type { PersistentVolume, PersistentVolumeSpec } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import { formatTime } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateVolume, validateVolumeUpdate } from './pv-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const persistentvolumes: KindHooks = hooksFor<PersistentVolume>({
  default: (volume) => ({
    ...volume,
    spec: defaultVolumeSpec(volume.spec ?? {}),
    status: defaulted(volume.status ?? {}, { phase: 'Pending' }),
  }),
  strategy: {
    prepareForCreate: (volume, context) => ({
      ...volume,
      status: { phase: 'Pending', lastPhaseTransitionTime: formatTime(context.clock.now()) },
    }),
    validate: validateVolume,
    validateUpdate: (volume, old) => [...validateVolume(volume), ...validateVolumeUpdate(volume, old)],
  },
});

function defaultVolumeSpec(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  let result = defaulted(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  result = inField(result, 'capacity', canonicalResources);
  result = inField(result, 'hostPath', (source) => defaulted(source, { type: '' }));
  result = inField(result, 'iscsi', (source) => defaulted(source, { iscsiInterface: 'default' }));
  result = inField(result, 'rbd', (source) => defaulted(source, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }));
  result = inField(result, 'azureDisk', (source) =>
    defaulted(source, { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false }),
  );
  return inField(result, 'scaleIO', (source) => defaulted(source, { storageMode: 'ThinProvisioned', fsType: 'xfs' }));
}
