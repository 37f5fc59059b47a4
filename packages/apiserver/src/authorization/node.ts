import { parseFieldSelector } from '@coracle/apimachinery';
import { nodeIdentity } from '../authentication/node-identity.ts';
import type { UserInfo } from '../authentication/user.ts';
import type { Attributes, Authorizer, Decision, UserRules } from './authorizer.ts';
import type { NodeGraph, ReachedResource } from './node-graph.ts';
import type { RbacAuthorizer } from './rbac.ts';

type ResourceAttributes = Extract<Attributes, { readonly resourceRequest: true }>;

const role = 'system:node';
const leaseNamespace = 'kube-node-lease';
const ownVerbs: ReadonlySet<string> = new Set(['get', 'create', 'update', 'patch', 'delete']);

/**
 * What kubelets may do (plugin/pkg/auth/authorizer/node/node_authorizer.go): of some resources what the graph of their pods
 * reaches, of all others the rules of the ClusterRole system:node, which nobody is bound to. What they may write of an object
 * that they may write is for the admission plug-in NodeRestriction to say.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #rbac: RbacAuthorizer;
  readonly #graph: NodeGraph;

  constructor({ rbac, graph }: { readonly rbac: RbacAuthorizer; readonly graph: NodeGraph }) {
    this.#rbac = rbac;
    this.#graph = graph;
  }

  authorize(attributes: Attributes): Decision | Promise<Decision> {
    const { user } = attributes;
    const nodeName = nodeIdentity(user);
    if (nodeName === undefined) return noOpinion('');
    if (nodeName === '') return noOpinion(`unknown node for user "${user.name}"`);
    return (attributes.resourceRequest ? this.#ofNode(nodeName, attributes) : undefined) ?? this.#byRole(attributes);
  }

  /** What a node may do follows from its pods, which rules cannot say. */
  readonly rulesFor = (user: UserInfo): UserRules => ({
    rules: [],
    gap: nodeIdentity(user) === undefined ? '' : 'node authorizer does not support user rule resolution',
  });

  #byRole(attributes: Attributes): Decision {
    return this.#rbac.roleAllows(role, attributes) ? allowed : noOpinion('');
  }

  /** Undefined where the role says. */
  #ofNode(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> | undefined {
    switch (`${attributes.apiGroup}/${attributes.resource}`) {
      case '/secrets':
        return this.#read(nodeName, 'secrets', attributes);
      case '/configmaps':
        return this.#read(nodeName, 'configmaps', attributes);
      case '/persistentvolumeclaims':
        return attributes.subresource === 'status'
          ? this.#claimStatus(nodeName, attributes)
          : this.#get(nodeName, 'persistentvolumeclaims', attributes);
      case '/persistentvolumes':
        return this.#get(nodeName, 'persistentvolumes', attributes);
      case 'resource.k8s.io/resourceclaims':
        return this.#get(nodeName, 'resourceclaims', attributes);
      case 'storage.k8s.io/volumeattachments':
        return this.#get(nodeName, 'volumeattachments', attributes);
      case '/serviceaccounts':
        return this.#serviceAccount(nodeName, attributes);
      case 'coordination.k8s.io/leases':
        return ofLease(nodeName, attributes);
      case 'storage.k8s.io/csinodes':
        return ofCsiNode(nodeName, attributes);
      case 'resource.k8s.io/resourceslices':
        return this.#slice(nodeName, attributes);
      case '/nodes':
        return ofNodeObject(nodeName, attributes);
      case '/pods':
        return this.#pod(nodeName, attributes);
      case 'certificates.k8s.io/podcertificaterequests':
        return this.#certificateRequest(nodeName, attributes);
      default:
        return undefined;
    }
  }

  async #reach(nodeName: string, resource: ReachedResource, { namespace, name }: ResourceAttributes): Promise<Decision> {
    if (name === '') return noOpinion('No Object name found');
    if (await this.#graph.isReached(nodeName, { resource, namespace, name })) return allowed;
    return noOpinion(`no relationship found between node '${nodeName}' and this object`);
  }

  #read(nodeName: string, resource: ReachedResource, attributes: ResourceAttributes): Decision | Promise<Decision> {
    const { verb, subresource, namespace } = attributes;
    if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return noOpinion('can only read resources of this type');
    if (subresource !== '') return noOpinion('cannot read subresource');
    if (namespace === '') return noOpinion('can only read namespaced object of this type');
    return this.#reach(nodeName, resource, attributes);
  }

  #get(nodeName: string, resource: ReachedResource, attributes: ResourceAttributes): Decision | Promise<Decision> {
    if (attributes.verb !== 'get') return noOpinion('can only get individual resources of this type');
    if (attributes.subresource !== '') return noOpinion('cannot get subresource');
    return this.#reach(nodeName, resource, attributes);
  }

  #claimStatus(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch') return noOpinion('can only get/update/patch this type');
    return this.#reach(nodeName, 'persistentvolumeclaims', attributes);
  }

  #serviceAccount(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> {
    const { verb, subresource, name } = attributes;
    if (verb === 'get' && subresource === '') return this.#read(nodeName, 'serviceaccounts', attributes);
    if (verb !== 'create' || name === '') return noOpinion('can only create tokens for individual service accounts');
    if (subresource !== 'token') return noOpinion('can only create token subresource of serviceaccount');
    return this.#reach(nodeName, 'serviceaccounts', attributes);
  }

  #slice(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> {
    if (attributes.subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources');
    switch (attributes.verb) {
      case 'create':
        return allowed;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.#reach(nodeName, 'resourceslices', attributes);
      case 'watch':
      case 'list':
      case 'deletecollection':
        if (selects(attributes, 'spec.nodeName', nodeName)) return allowed;
        return noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return noOpinion(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  }

  #certificateRequest(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> {
    const { verb, subresource } = attributes;
    if (subresource !== '') return noOpinion('nodes may not access the status subresource of PodCertificateRequests');
    switch (verb) {
      case 'create':
        return allowed;
      case 'get':
        return this.#reach(nodeName, 'podcertificaterequests', attributes);
      case 'list':
      case 'watch':
        if (selects(attributes, 'spec.nodeName', nodeName)) return allowed;
        return noOpinion('can only list/watch podcertificaterequests with nodeName field selector');
      default:
        return noOpinion(`nodes may not ${verb} podcertificaterequests`);
    }
  }

  #pod(nodeName: string, attributes: ResourceAttributes): Decision | Promise<Decision> {
    const { verb, subresource, name } = attributes;
    if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion('');
    if (subresource === 'eviction') return verb === 'create' ? allowed : noOpinion('');
    if (subresource !== '') return noOpinion('');
    switch (verb) {
      case 'get':
        return this.#reach(nodeName, 'pods', attributes);
      case 'list':
      case 'watch':
        if (selects(attributes, 'spec.nodeName', nodeName)) return allowed;
        return name === ''
          ? noOpinion('can only list/watch pods with spec.nodeName field selector')
          : this.#reach(nodeName, 'pods', attributes);
      case 'create':
      case 'delete':
        return allowed; // of pods that mirror the node's own files
      default:
        return noOpinion('');
    }
  }
}

const allowed: Decision = { decision: 'allow', reason: '' };

function noOpinion(reason: string): Decision {
  return { decision: 'noOpinion', reason: reason === '' ? '' : `node: ${reason}` };
}

function ofLease(nodeName: string, { verb, namespace, name }: ResourceAttributes): Decision {
  if (!ownVerbs.has(verb)) return noOpinion('can only get, create, update, patch, or delete a node lease');
  if (namespace !== leaseNamespace) return noOpinion(`can only access leases in the "${leaseNamespace}" system namespace`);
  if (verb !== 'create' && name !== nodeName) return noOpinion('can only access node lease with the same name as the requesting node');
  return allowed;
}

function ofCsiNode(nodeName: string, { verb, subresource, name }: ResourceAttributes): Decision {
  if (subresource === 'status') return noOpinion('CSINode status access requires CSIVolumeHealth feature');
  if (subresource !== '') return noOpinion('cannot authorize CSINode subresources');
  if (!ownVerbs.has(verb)) return noOpinion('can only get, create, update, patch, or delete a CSINode');
  if (verb !== 'create' && name !== nodeName) return noOpinion('can only access CSINode with the same name as the requesting node');
  return allowed;
}

function ofNodeObject(nodeName: string, { verb, subresource, name }: ResourceAttributes): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion('');
  if (subresource !== '') return noOpinion('');
  switch (verb) {
    case 'create':
    case 'update':
    case 'patch':
      return allowed;
    case 'get':
    case 'list':
    case 'watch':
      if (name === nodeName) return allowed; // also before there is such an object
      return noOpinion(
        name === ''
          ? `node '${nodeName}' cannot read all nodes, only its own Node object`
          : `node '${nodeName}' cannot read '${name}', only its own Node object`,
      );
    default:
      return noOpinion('');
  }
}

/** Whether a list or watch is one of what has `value` in `field`. A selector that cannot be read selects nothing. */
function selects({ fieldSelector }: ResourceAttributes, field: string, value: string): boolean {
  if (fieldSelector === undefined) return false;
  try {
    return parseFieldSelector(fieldSelector).some((one) => one.field === field && one.operator === '=' && one.value === value);
  } catch {
    return false; // the handler refuses it, with the reason
  }
}
