import { MembershipError, type Member } from '../cluster-view.ts';
import type { Method } from './grpc/server.ts';
import { memberAddRequest, memberAddResponse, memberId, memberListRequest, membersResponse, memberUpdateRequest } from './messages.ts';
import type { V3Context } from './v3-context.ts';

/** etcdserverpb.Cluster (server/etcdserver/api/v3rpc/member.go). */
export function clusterMethods(context: V3Context): Readonly<Record<string, Method>> {
  const { cluster } = context;
  const membersOf = async (members: Promise<readonly Member[]>): Promise<Buffer> =>
    context.headed(membersResponse, { members: await members });
  const unary = (run: (request: Buffer) => Promise<Buffer>): Method => ({ kind: 'unary', run });
  return {
    '/etcdserverpb.Cluster/MemberList': unary(async (request) => membersOf(cluster.members(memberListRequest.decode(request)))),
    '/etcdserverpb.Cluster/MemberAdd': unary((request) => add(context, request)),
    '/etcdserverpb.Cluster/MemberRemove': unary(async (request) => membersOf(cluster.removeMember(memberId.decode(request).id))),
    '/etcdserverpb.Cluster/MemberUpdate': unary(async (request) => {
      const { id, peerUrls } = memberUpdateRequest.decode(request);
      checkUrls(peerUrls);
      return membersOf(cluster.updateMember(id, peerUrls));
    }),
    '/etcdserverpb.Cluster/MemberPromote': unary(async (request) => membersOf(cluster.promoteMember(memberId.decode(request).id))),
  };
}

async function add(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const request = memberAddRequest.decode(bytes);
  checkUrls(request.peerUrls);
  const { added, members } = await context.cluster.addMember(request);
  return context.headed(memberAddResponse, { member: added, members });
}

/** As client/pkg/types.NewURLs: at least one, http or https (or unix), with a port and no path. Throws MembershipError. */
function checkUrls(urls: readonly string[]): void {
  if (urls.length === 0) throw new MembershipError('bad URLs');
  for (const text of urls) {
    // `new URL` drops a port that is the scheme's own; the authority is looked at as it was written.
    const match = /^(https?|unix|unixs):\/\/([^/?#]+)$/.exec(text);
    if (match === null || !URL.canParse(text) || !/:\d{1,5}$/.test(match[2] ?? '')) throw new MembershipError('bad URLs');
  }
}
