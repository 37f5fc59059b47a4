import type { Node, Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { configMapsOf, mirrorAnnotation, secretsOf } from '../authorization/pod-references.ts';

/** Why a node may not create a pod; undefined where it may: a mirror of a file of its own, which refers to nothing of the API. */
export function mirrorPodFault(nodeName: string, pod: Frozen<Pod>): string | undefined {
  const node = JSON.stringify(nodeName);
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined)
    return `pod does not have "${mirrorAnnotation}" annotation, node ${node} can only create mirror pods`;
  if (pod.spec.nodeName !== nodeName) return `node ${node} can only create pods with spec.nodeName set to itself`;
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) return `node ${node} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName)
    return `node ${node} can only create pods with an owner reference set to itself`;
  if (owner.controller !== true) return `node ${node} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true) return `node ${node} must not set blockOwnerDeletion on an owner reference`;
  return undefined;
}

/** As `mirrorPodFault`, of what is known only when the node itself was looked up. */
export function mirrorPodFaultBeside(node: Frozen<Node>, pod: Frozen<Pod>): string | undefined {
  const { name = '', uid = '' } = node.metadata;
  const owner = pod.metadata.ownerReferences?.[0]?.uid ?? '';
  if (owner !== uid) return `node ${name} UID mismatch: expected ${owner} got ${uid}`;
  const referred = referredKind(pod);
  return referred === undefined ? undefined : `node ${JSON.stringify(name)} can not create pods that reference ${referred}`;
}

/** The first of the API that a pod refers to (pkg/api/pod HasAPIObjectReference). */
function referredKind(pod: Frozen<Pod>): string | undefined {
  const { serviceAccountName = '', resourceClaims = [], volumes = [] } = pod.spec;
  if (serviceAccountName !== '') return 'serviceaccounts';
  if (secretsOf(pod).length > 0) return 'secrets';
  if (configMapsOf(pod).length > 0) return 'configmaps';
  if (resourceClaims.length > 0) return 'resourceclaims';
  for (const volume of volumes) {
    if (volume.configMap !== undefined) return 'configmaps (via configmap volumes)';
    if (volume.secret !== undefined) return 'secrets (via secret volumes)';
    if (volume.csi !== undefined) return 'csidrivers (via CSI volumes)';
    if (volume.glusterfs !== undefined) return 'endpoints (via glusterFS volumes)';
    if (volume.persistentVolumeClaim !== undefined) return 'persistentvolumeclaims';
    if (volume.ephemeral !== undefined) return 'persistentvolumeclaims (via ephemeral volumes)';
    if (volume.azureFile !== undefined) return 'secrets (via azureFile volumes)';
    for (const source of volume.projected?.sources ?? []) {
      if (source.configMap !== undefined) return 'configmaps (via projected volumes)';
      if (source.secret !== undefined) return 'secrets (via projected volumes)';
      if (source.serviceAccountToken !== undefined) return 'serviceaccounts (via projected volumes)';
      if (source.clusterTrustBundle !== undefined) return 'clustertrustbundles';
      if (source.podCertificate !== undefined) return 'podcertificates';
    }
  }
  return undefined;
}
