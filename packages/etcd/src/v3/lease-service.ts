import { assertMayReadKeys } from '../auth/permits.ts';
import { assertNoAlarm, LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { Call, Method, RequestSink, StreamCall } from './grpc/server.ts';
import {
  leaseGrantRequest,
  leaseGrantResponse,
  leaseId,
  leaseKeepAliveResponse,
  leaseLeasesResponse,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
} from './messages.ts';
import type { V3Context } from './v3-context.ts';

/** What a lease adds to the store, by etcd's reckoning (storage/quota.go). */
const leaseCostBytes = 64;

/** etcdserverpb.Lease (server/etcdserver/api/v3rpc/lease.go). */
export function leaseMethods(context: V3Context): Readonly<Record<string, Method>> {
  return {
    '/etcdserverpb.Lease/LeaseGrant': { kind: 'unary', run: (request) => grant(context, request) },
    '/etcdserverpb.Lease/LeaseRevoke': { kind: 'unary', run: (request, call) => revoke(context, request, call) },
    '/etcdserverpb.Lease/LeaseTimeToLive': { kind: 'unary', run: (request, call) => timeToLive(context, request, call) },
    '/etcdserverpb.Lease/LeaseLeases': { kind: 'unary', run: (_, call) => leases(context, call) },
    '/etcdserverpb.Lease/LeaseKeepAlive': { kind: 'duplex', open: (call) => keepAlive(context, call) },
  };
}

async function grant(context: V3Context, bytes: Buffer): Promise<Buffer> {
  const { ttl, id } = leaseGrantRequest.decode(bytes);
  if (!context.hasRoom(leaseCostBytes)) await context.refuseForSpace();
  assertNoAlarm(context.store.alarms, true); // as in etcd, before what is wrong with the request
  const lease = await context.store.grantLease({ ttlSeconds: ttl, ...(id === 0n ? {} : { id }) });
  return context.headed(leaseGrantResponse, { id: lease.id, ttl: lease.ttlSeconds });
}

async function revoke(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  await context.storeFor(call).revokeLease(leaseId.decode(bytes).id);
  return context.headerOnly();
}

async function timeToLive(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const { id, keys } = leaseTimeToLiveRequest.decode(bytes);
  const lease = await context.store.leaseTimeToLive(id);
  if (keys) assertMayReadKeys(context.store.auth.state, context.authentication.caller(call), lease?.keys ?? []);
  if (lease === undefined) return context.headed(leaseTimeToLiveResponse, { id, ttl: -1 });
  return context.headed(leaseTimeToLiveResponse, {
    id,
    ttl: Math.floor(lease.remainingSeconds),
    grantedTtl: lease.ttlSeconds,
    keys: keys ? lease.keys : [],
  });
}

/** In order of what is left of them, as etcd lists them. */
async function leases(context: V3Context, call: Call): Promise<Buffer> {
  const store = context.storeFor(call);
  const remaining = ({ id }: { readonly id: bigint }): number => store.lease(id)?.remainingSeconds ?? 0;
  const sorted = store
    .leases()
    .map((lease) => ({ id: lease.id, seconds: remaining(lease) }))
    .sort((a, b) => a.seconds - b.seconds);
  return context.headed(leaseLeasesResponse, { leases: sorted.map(({ id }) => ({ id })) });
}

/** Answers in the order of the requests, with a TTL of 0 for a lease that is not there. */
function keepAlive(context: V3Context, call: StreamCall): { readonly requests: RequestSink; readonly done: Promise<void> } {
  let work = Promise.resolve();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  call.onClosed(resolve);
  const renew = async (id: bigint): Promise<void> => {
    // The revision of before: a lease that is revoked at a later one cannot seem to have been kept alive at it.
    const { revision } = context.store;
    let ttl = 0;
    try {
      ttl = (await context.storeFor(call).keepLeaseAlive(id)).ttlSeconds;
    } catch (error) {
      if (!(error instanceof LeaseNotFoundError)) throw error;
    }
    call.send(context.headed(leaseKeepAliveResponse, { id, ttl }, revision));
  };
  return {
    done,
    requests: {
      message(bytes) {
        const { id } = leaseId.decode(bytes);
        work = work.then(() => renew(id));
        work.catch(reject);
      },
      ended() {
        work.then(resolve, reject);
      },
    },
  };
}
