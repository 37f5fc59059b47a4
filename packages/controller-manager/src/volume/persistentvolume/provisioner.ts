import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from '@coracle/api';
import { getOwn } from '@coracle/apimachinery';
import { boundByControllerAnnotation, provisionedByAnnotation } from './decisions.ts';

/** Makes directories of simulated nodes; the only provisioner that runs in this process. */
export const localProvisioner = 'coracle.dev/local';
const hostnameLabel = 'kubernetes.io/hostname';
const directory = '/var/lib/coracle/volumes';

/** The volume made for a claim; its name follows from the claim, so that it is made once. */
export function provisionedName(claim: PersistentVolumeClaim): string {
  return `pvc-${claim.metadata.uid}`;
}

/** `node`: where the pod that waits for it will run; the volume then belongs to that node. */
export function provisionedVolume(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node | undefined): PersistentVolume {
  const name = provisionedName(claim);
  const { namespace = '', uid = '', resourceVersion = '' } = claim.metadata;
  const { accessModes, volumeMode } = claim.spec;
  const { reclaimPolicy = 'Delete', mountOptions } = storageClass;
  const hostname = node && (getOwn(node.metadata.labels, hostnameLabel) ?? node.metadata.name ?? '');
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { [boundByControllerAnnotation]: 'yes', [provisionedByAnnotation]: localProvisioner } },
    spec: {
      capacity: { storage: getOwn(claim.spec.resources?.requests, 'storage') ?? '0' },
      ...(accessModes === undefined ? {} : { accessModes }),
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(mountOptions === undefined ? {} : { mountOptions }),
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: storageClass.metadata.name ?? '',
      hostPath: { path: `${directory}/${name}`, type: 'DirectoryOrCreate' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claim.metadata.name ?? '', uid, resourceVersion },
      ...(hostname === undefined
        ? {}
        : {
            nodeAffinity: {
              required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }] },
            },
          }),
    },
  };
}
