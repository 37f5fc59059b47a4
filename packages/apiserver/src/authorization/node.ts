import type { UserInfo } from '../authentication/user.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';
import type { RbacAuthorizer } from './rbac.ts';

const nodesGroup = 'system:nodes';
const namePrefix = 'system:node:';
const role = 'system:node';
/** What a node reads of others it may read only where its pods name it; upstream follows the graph, here the namespace is open. */
const ownOnly: ReadonlySet<string> = new Set(['nodes', 'leases']);

/**
 * What kubelets may do: the rules of the ClusterRole system:node, which nobody is bound to, with writes to Node objects and
 * Leases limited to their own (upstream plugin/pkg/auth/authorizer/node and admission NodeRestriction, in part).
 */
export class NodeAuthorizer implements Authorizer {
  readonly #rbac: RbacAuthorizer;

  constructor(rbac: RbacAuthorizer) {
    this.#rbac = rbac;
  }

  authorize(attributes: Attributes): Decision {
    const { user } = attributes;
    if (!user.name.startsWith(namePrefix) || !user.groups.includes(nodesGroup)) return noOpinion;
    if (!this.#rbac.roleAllows(role, attributes) && !readsByName(attributes)) return noOpinion;
    if (
      attributes.resourceRequest &&
      isWrite(attributes.verb) &&
      ownOnly.has(attributes.resource) &&
      attributes.name !== '' &&
      attributes.name !== user.name.slice(namePrefix.length)
    ) {
      return {
        decision: 'noOpinion',
        reason: `node "${user.name.slice(namePrefix.length)}" is not allowed to modify ${attributes.resource.slice(0, -1)} "${attributes.name}"`,
      };
    }
    return { decision: 'allow', reason: `allowed by ClusterRole "${role}" to a node` };
  }

  /** What a node may do follows from its name, which rules cannot say. */
  readonly rulesFor = ({ name, groups }: UserInfo): readonly [] | undefined =>
    name.startsWith(namePrefix) && groups.includes(nodesGroup) ? undefined : [];
}

/** Kubelets here follow the claims and volumes of their pods by name, where upstream's get them again and again. */
function readsByName(attributes: Attributes): boolean {
  if (
    !attributes.resourceRequest ||
    attributes.apiGroup !== '' ||
    attributes.name === '' ||
    isWrite(attributes.verb) ||
    attributes.verb === 'create'
  )
    return false;
  return attributes.resource === 'persistentvolumeclaims' || attributes.resource === 'persistentvolumes';
}

const noOpinion: Decision = { decision: 'noOpinion', reason: '' };

function isWrite(verb: string): boolean {
  return verb !== 'get' && verb !== 'list' && verb !== 'watch' && verb !== 'create';
}
