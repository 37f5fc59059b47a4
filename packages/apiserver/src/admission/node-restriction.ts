import {
  type CertificateSigningRequest,
  kubeletLabels,
  type Node,
  type PersistentVolumeClaim,
  type Pod,
  type ResourceSlice,
} from '@coracle/api';
import { compareBytes, type Frozen, newForbidden, newNotFound, semanticEqual, type WireMap } from '@coracle/apimachinery';
import { nodeIdentity } from '../authentication/node-identity.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { commonNameOfRequest } from '../pki/certificate-request.ts';
import { storagePrefix } from '../registry/storage-prefix.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { mirrorPodFault, mirrorPodFaultBeside } from './mirror-pod.ts';
import { admitPodCertificateRequest } from './pod-certificate-request.ts';
import { referencesAudience } from './token-audience.ts';

const leaseNamespace = 'kube-node-lease';
const nodeSigners: ReadonlySet<string> = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']);

/**
 * What a node may write of what it may write at all: itself, the status of its pods, mirrors of its files, its lease, tokens for
 * its pods (plugin/pkg/admission/noderestriction). Upstream has it in all clusters, though not by default.
 */
export function nodeRestriction(authorizer: Authorizer): AdmissionPlugin {
  const restrict = (request: AdmissionRequest): Promise<undefined> | undefined => {
    const nodeName = nodeIdentity(request.context.user);
    if (nodeName === undefined) return undefined;
    if (nodeName === '') throw refused(request, `could not determine node from user ${JSON.stringify(request.context.user.name)}`);
    return admitOfNode(authorizer, nodeName, request).then(() => undefined);
  };
  return {
    name: 'NodeRestriction',
    admit: restrict,
    // Deletes have no mutators.
    validate: (request) => (request.operation === 'DELETE' ? restrict(request) : undefined),
  };
}

async function admitOfNode(authorizer: Authorizer, nodeName: string, request: AdmissionRequest): Promise<void> {
  switch (`${request.definition.group}/${request.definition.resource}`) {
    case '/pods':
      return admitPod(nodeName, request);
    case '/nodes':
      return admitNode(nodeName, request);
    case '/persistentvolumeclaims':
      return admitClaim(nodeName, request);
    case '/serviceaccounts':
      return admitToken(authorizer, nodeName, request);
    case 'coordination.k8s.io/leases':
      if (request.context.namespace !== leaseNamespace)
        throw refused(request, `can only access leases in the "${leaseNamespace}" system namespace`);
      return requireOwnName(nodeName, request, 'node lease');
    case 'storage.k8s.io/csinodes':
      return requireOwnName(nodeName, request, 'CSINode');
    case 'resource.k8s.io/resourceslices':
      return admitSlice(nodeName, request);
    case 'certificates.k8s.io/certificatesigningrequests':
      return admitSigningRequest(nodeName, request);
    case 'certificates.k8s.io/podcertificaterequests':
      return admitPodCertificateRequest(authorizer, nodeName, request);
    default:
  }
}

async function admitPod(nodeName: string, request: AdmissionRequest): Promise<void> {
  const { operation, subresource } = request;
  const node = JSON.stringify(nodeName);
  switch (subresource) {
    case '':
      if (operation === 'CREATE') return admitMirrorPod(nodeName, request);
      if (operation !== 'DELETE')
        throw refused(request, `unexpected operation "${operation}", node ${node} can only create and delete mirror pods`);
      if (podOf(request.old)?.spec.nodeName !== nodeName)
        throw refused(request, `node ${node} can only delete pods with spec.nodeName set to itself`);
      return;
    case 'status':
      return admitPodStatus(nodeName, request);
    case 'eviction':
      if ((await storedPod(request, request.name)).spec.nodeName !== nodeName)
        throw refused(request, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
      return;
    default:
      throw refused(request, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  }
}

async function admitMirrorPod(nodeName: string, request: AdmissionRequest): Promise<void> {
  const pod = podOf(request.object);
  if (pod === undefined) return;
  const fault = mirrorPodFault(nodeName, pod);
  if (fault !== undefined) throw refused(request, fault);
  const { stored } = await request.context.storage.get(storagePrefix('', 'nodes') + nodeName);
  if (stored === undefined) throw newNotFound({ group: '', resource: 'node' }, nodeName);
  const other = mirrorPodFaultBeside(stored.object as unknown as Frozen<Node>, pod); // what is stored under the prefix is of this kind
  if (other !== undefined) throw refused(request, other);
}

function admitPodStatus(nodeName: string, request: AdmissionRequest): void {
  const [pod, old] = [podOf(request.object), podOf(request.old)];
  const node = JSON.stringify(nodeName);
  if (old?.spec.nodeName !== nodeName)
    throw refused(request, `node ${node} can only update pod status for pods with spec.nodeName set to itself`);
  if (!semanticEqual(pod?.metadata.labels ?? {}, old.metadata.labels ?? {}))
    throw refused(request, `node ${node} cannot update labels through pod status`);
  const fields = [
    ['resourceClaimStatuses', 'resource claim statues'],
    ['extendedResourceClaimStatus', 'extended resource claim status'],
    ['nodeAllocatableResourceClaimStatuses', 'node allocatable resource claim statuses'],
  ] as const;
  for (const [field, shown] of fields)
    if (!semanticEqual(fieldOf(pod?.status, field), fieldOf(old.status, field)))
      throw refused(request, `node ${node} cannot update ${shown}`);
}

function admitNode(nodeName: string, request: AdmissionRequest): void {
  const { operation, name } = request;
  const node = JSON.stringify(nodeName);
  if (name !== nodeName) throw refused(request, `node ${node} is not allowed to modify node ${JSON.stringify(name)}`);
  const [own, old] = [nodeOf(request.object), nodeOf(request.old)];
  if (own === undefined) return;
  const configSource = own.spec?.configSource;
  if (operation === 'CREATE') {
    if (configSource !== undefined) throw refused(request, `node ${node} is not allowed to create pods with a non-nil configSource`);
    const labels = forbiddenLabels(own.metadata.labels, undefined);
    if (labels.length > 0) throw refused(request, `node ${node} is not allowed to set the following labels: ${labels.join(', ')}`);
    return;
  }
  if (configSource !== undefined && !semanticEqual(configSource, old?.spec?.configSource))
    throw refused(request, `node ${node} is not allowed to update configSource to a new non-nil configSource`);
  if (!semanticEqual(own.spec?.taints ?? [], old?.spec?.taints ?? []))
    throw refused(request, `node ${node} is not allowed to modify taints`);
  if (!semanticEqual(own.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? []))
    throw refused(request, `node ${node} is not allowed to modify ownerReferences`);
  const labels = forbiddenLabels(own.metadata.labels, old?.metadata.labels);
  if (labels.length > 0) throw refused(request, `is not allowed to modify labels: ${labels.join(', ')}`);
}

/** Labels by which a node could draw to it what shall not run there. */
function forbiddenLabels(labels: WireMap = {}, old: WireMap = {}): readonly string[] {
  const keys = new Set([...Object.keys(labels), ...Object.keys(old)]);
  return [...keys].filter((key) => valueOf(labels, key) !== valueOf(old, key) && isForbiddenLabel(key)).sort(compareBytes);
}

function valueOf(map: WireMap, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isForbiddenLabel(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  const isOf = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (isOf('node-restriction.kubernetes.io')) return true;
  if (!isOf('kubernetes.io') && !isOf('k8s.io')) return false;
  return !kubeletLabels.has(key) && !isOf('kubelet.kubernetes.io') && !isOf('node.kubernetes.io');
}

function admitClaim(nodeName: string, request: AdmissionRequest): void {
  if (request.subresource !== 'status') throw refused(request, 'may only update PVC status');
  if (semanticEqual(withoutGrowth(request.object), withoutGrowth(request.old))) return;
  const node = JSON.stringify(nodeName);
  throw refused(request, `node ${node} is not allowed to update fields other than status.quantity and status.conditions`);
}

/** A claim without what a kubelet says of it while its volume grows. */
function withoutGrowth(object: AdmissionRequest['object']): unknown {
  const claim = object as unknown as Frozen<PersistentVolumeClaim>; // the definition says of which kind the object is
  const { resourceVersion: _rv, managedFields: _managed, ...metadata } = claim.metadata;
  const { capacity: _c, conditions: _o, allocatedResources: _a, allocatedResourceStatuses: _s, ...status } = claim.status ?? {};
  return { ...claim, metadata, status };
}

interface SentToken {
  readonly audiences?: readonly string[] | null;
  readonly boundObjectRef?: { readonly kind?: string; readonly apiVersion?: string; readonly name?: string; readonly uid?: string } | null;
}

async function admitToken(authorizer: Authorizer, nodeName: string, request: AdmissionRequest): Promise<void> {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const { boundObjectRef, audiences } = (request.object?.['spec'] ?? {}) as SentToken; // decoded, of the subresource's kind
  const { kind, apiVersion, name = '', uid = '' } = boundObjectRef ?? {};
  if (apiVersion !== 'v1' || kind !== 'Pod' || name === '') throw refused(request, 'node requested token not bound to a pod');
  if (uid === '') throw refused(request, 'node requested token with a pod binding without a uid');
  const pod = await storedPod(request, name);
  if (pod.metadata.uid !== uid) {
    const why = 'does not match the UID in record. The object might have been deleted and then recreated';
    throw refused(request, `the UID in the bound object reference (${uid}) ${why}`);
  }
  if (pod.spec.nodeName !== nodeName) throw refused(request, 'node requested token bound to a pod scheduled on a different node');
  await requireAudience(authorizer, request, pod, audiences ?? []);
}

async function requireAudience(
  authorizer: Authorizer,
  request: AdmissionRequest,
  pod: Frozen<Pod>,
  audiences: readonly string[],
): Promise<void> {
  if (audiences.length > 1) throw refused(request, 'node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  const { user, storage, namespace } = request.context;
  const { found, faults } = await referencesAudience(storage, pod, audience);
  if (found) return;
  if (faults.length > 0) {
    const what = faults.length === 1 ? faults.join() : `[${[...new Set(faults)].join(', ')}]`;
    throw refused(request, `error validating audience ${JSON.stringify(audience)}: ${what}`);
  }
  const { decision } = await authorizer.authorize({
    user,
    verb: 'request-serviceaccounts-token-audience',
    resourceRequest: true,
    apiGroup: request.definition.group,
    apiVersion: request.definition.version,
    resource: audience,
    subresource: '',
    namespace,
    name: request.name,
  });
  if (decision === 'allow') return;
  throw refused(request, `${user.name} is not authorized to request tokens for audience ${JSON.stringify(audience)}`);
}

function requireOwnName(nodeName: string, request: AdmissionRequest, kind: string): void {
  if (request.name !== nodeName) throw refused(request, `can only access ${kind} with the same name as the requesting node`);
}

function admitSlice(nodeName: string, request: AdmissionRequest): void {
  const { operation, object, old } = request;
  if (operation !== 'CREATE' && operation !== 'DELETE') return;
  const slice = (operation === 'CREATE' ? object : old) as unknown as Frozen<ResourceSlice> | undefined; // the definition says so
  if (slice?.spec.nodeName === nodeName) return;
  throw refused(request, `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`);
}

function admitSigningRequest(nodeName: string, request: AdmissionRequest): void {
  if (request.operation !== 'CREATE' || request.object === undefined) return;
  const { spec } = request.object as unknown as Frozen<CertificateSigningRequest>; // the definition says of which kind the object is
  if (!nodeSigners.has(spec.signerName)) return;
  let commonName: string;
  try {
    commonName = commonNameOfRequest(Buffer.from(spec.request ?? '', 'base64').toString('latin1'));
  } catch (error) {
    throw refused(request, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (commonName !== `system:node:${nodeName}`) throw refused(request, `can only create a node CSR with CN=system:node:${nodeName}`);
}

async function storedPod({ context }: AdmissionRequest, name: string): Promise<Frozen<Pod>> {
  const { stored } = await context.storage.get(`${storagePrefix('', 'pods')}${context.namespace}/${name}`);
  if (stored === undefined) throw newNotFound({ group: '', resource: 'pod' }, name);
  return stored.object as unknown as Frozen<Pod>; // what is stored under the prefix is of this kind
}

function podOf(object: AdmissionRequest['object']): Frozen<Pod> | undefined {
  return object as unknown as Frozen<Pod> | undefined; // the definition says of which kind the object is
}

function nodeOf(object: AdmissionRequest['object']): Frozen<Node> | undefined {
  return object as unknown as Frozen<Node> | undefined; // the definition says of which kind the object is
}

function fieldOf(status: object | undefined, field: string): unknown {
  return (status as Readonly<Record<string, unknown>> | undefined)?.[field];
}

function refused({ definition, name, object }: AdmissionRequest, why: string): Error {
  return newForbidden(definition, object?.metadata?.name ?? name, why);
}
