import { assertAdmin, assertKnown } from '../auth/permits.ts';
import type { Call, Method, RequestSink, StreamCall } from './grpc/server.ts';
import { alarmRequest } from './messages.ts';
import type { V3Context } from './v3-context.ts';

/** Who may make a call at all. What a call may do with keys is the store's to say. */
type Rule = 'admin' | 'known';

const getAlarms = 0;

/** As etcd has it (v3rpc/maintenance.go authMaintenanceServer, v3rpc/key.go, etcdserver/server.go). */
const rules: ReadonlyMap<string, Rule | ((request: Buffer) => Rule)> = new Map<string, Rule | ((request: Buffer) => Rule)>([
  ['/etcdserverpb.KV/Compact', 'admin'],
  ['/etcdserverpb.Lease/LeaseGrant', 'known'],
  ['/etcdserverpb.Lease/LeaseRevoke', 'known'],
  ['/etcdserverpb.Lease/LeaseTimeToLive', 'known'],
  ['/etcdserverpb.Cluster/MemberList', 'known'],
  ['/etcdserverpb.Cluster/MemberAdd', 'admin'],
  ['/etcdserverpb.Cluster/MemberRemove', 'admin'],
  ['/etcdserverpb.Cluster/MemberUpdate', 'admin'],
  ['/etcdserverpb.Cluster/MemberPromote', 'admin'],
  ['/etcdserverpb.Maintenance/Status', 'known'],
  ['/etcdserverpb.Maintenance/Alarm', (request) => (alarmRequest.decode(request).action === getAlarms ? 'known' : 'admin')],
  ['/etcdserverpb.Maintenance/Defragment', 'admin'],
  ['/etcdserverpb.Maintenance/Hash', 'admin'],
  ['/etcdserverpb.Maintenance/HashKV', 'admin'],
  ['/etcdserverpb.Maintenance/Snapshot', 'admin'],
  ['/etcdserverpb.Maintenance/MoveLeader', 'admin'],
]);

/** The method for those who may call it, once this member has heard of the token that they were given. */
export function authorized(context: V3Context, path: string, method: Method): Method {
  const rule = rules.get(path);
  const { authentication, store } = context;
  const check = (call: Call, request: Buffer): void => {
    if (rule === undefined || !authentication.isEnabled) return;
    const caller = authentication.caller(call);
    const wanted = typeof rule === 'string' ? rule : rule(request);
    if (wanted === 'admin') assertAdmin(store.auth.state, caller);
    else assertKnown(store.auth.state, caller);
  };
  switch (method.kind) {
    case 'unary':
      return {
        kind: 'unary',
        run: async (request, call) => {
          if (authentication.awaitsToken(call)) await store.linearized();
          check(call, request);
          return method.run(request, call);
        },
      };
    case 'server stream':
      return {
        kind: 'server stream',
        run: async (request, call) => {
          if (authentication.awaitsToken(call)) await store.linearized();
          check(call, request);
          await method.run(request, call);
        },
      };
    case 'duplex':
      return {
        kind: 'duplex',
        open: (call) => (authentication.awaitsToken(call) ? openLater(context, method.open, call) : method.open(call)),
      };
  }
}

type Open = Extract<Method, { readonly kind: 'duplex' }>['open'];

/** Holds the client up until the token may be known, then opens the call with what had been asked already. */
function openLater(context: V3Context, open: Open, call: StreamCall): ReturnType<Open> {
  const early: (Buffer | undefined)[] = [];
  let requests: RequestSink = { message: (bytes) => early.push(bytes), ended: () => early.push(undefined) };
  call.pause();
  const begin = async (): Promise<void> => {
    await context.store.linearized();
    const opened = open(call);
    requests = opened.requests;
    for (const bytes of early.splice(0)) {
      if (bytes === undefined) requests.ended();
      else requests.message(bytes);
    }
    call.resume();
    await opened.done;
  };
  return { requests: { message: (bytes) => requests.message(bytes), ended: () => requests.ended() }, done: begin() };
}
