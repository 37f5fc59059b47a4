import type { CSIDriver, CSINode, StorageClass, StorageVersionMigration, VolumeAttachment, VolumeAttributesClass } from '@coracle/api';
import { getOwn, type WireMap } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { createdAt, isTrue, namedRow, orNone, rowOf } from './row.ts';

/** Rows of storage.k8s.io and storagemigration.k8s.io. */
export const storage: Readonly<Record<string, Cells>> = {
  'storage.k8s.io/v1/csidrivers': namedRow<CSIDriver>(({ spec }) => [
    spec?.attachRequired ?? true,
    spec?.podInfoOnMount ?? false,
    spec?.storageCapacity ?? false,
    spec?.tokenRequests === undefined ? '<unset>' : spec.tokenRequests.map(({ audience }) => audience).join(','),
    spec?.requiresRepublish ?? false,
    orNone((spec?.volumeLifecycleModes ?? []).join(',')),
  ]),
  'storage.k8s.io/v1/csinodes': namedRow<CSINode>(({ spec }) => [(spec?.drivers ?? []).length]),
  'storage.k8s.io/v1/csistoragecapacities': createdAt,
  'storage.k8s.io/v1/storageclasses': rowOf<StorageClass>(
    ({ metadata, provisioner, reclaimPolicy, volumeBindingMode, allowVolumeExpansion }, { since }) => [
      marked(metadata, ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']),
      provisioner,
      reclaimPolicy ?? 'Delete',
      volumeBindingMode ?? 'Immediate',
      allowVolumeExpansion ?? false,
      since(metadata.creationTimestamp),
    ],
  ),
  'storage.k8s.io/v1/volumeattachments': namedRow<VolumeAttachment>(({ spec, status }) => [
    spec?.attacher ?? '',
    spec?.source.persistentVolumeName ?? '',
    spec?.nodeName ?? '',
    status?.attached ?? false,
  ]),
  'storage.k8s.io/v1/volumeattributesclasses': rowOf<VolumeAttributesClass>(({ metadata, driverName }, { since }) => [
    marked(metadata, ['volumeattributesclass.alpha.kubernetes.io/is-default-class']),
    driverName,
    since(metadata.creationTimestamp),
  ]),
  'storagemigration.k8s.io/v1/storageversionmigrations': rowOf<StorageVersionMigration>(({ metadata, spec, status }) => {
    const { group, resource } = spec.resource;
    const state = ['Succeeded', 'Failed', 'Running'].find((type) => isTrue(status?.conditions, type)) ?? 'Unknown';
    return [metadata.name ?? '', group === undefined || group === '' ? resource : `${resource}.${group}`, state];
  }),
};

/** The name of a class, with a mark when an annotation says that it is the default. */
function marked({ name = '', annotations }: { readonly name?: string; readonly annotations?: WireMap }, keys: readonly string[]): string {
  return keys.some((key) => getOwn(annotations, key) === 'true') ? `${name} (default)` : name;
}
