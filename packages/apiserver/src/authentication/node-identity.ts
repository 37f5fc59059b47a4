import type { UserInfo } from './user.ts';

const nodesGroup = 'system:nodes';
const namePrefix = 'system:node:';

/** The name of the node that a user is; undefined for all others, '' for one that does not say (pkg/auth/nodeidentifier). */
export function nodeIdentity({ name, groups }: UserInfo): string | undefined {
  return name.startsWith(namePrefix) && groups.includes(nodesGroup) ? name.slice(namePrefix.length) : undefined;
}
