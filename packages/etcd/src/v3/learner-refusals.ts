import { ConsensusError } from '../cluster-view.ts';
import type { Method } from './grpc/server.ts';
import { rangeRequest } from './messages.ts';
import type { V3Context } from './v3-context.ts';

/**
 * What a learner does not answer, for it is not to be relied upon (v3rpc/interceptor.go, v3rpc/util.go): all but its status, reads that
 * need no other member, and a copy of what it has.
 */
export function refusedByLearners(context: V3Context, path: string, method: Method): Method {
  const isLearner = (): boolean => context.cluster.status().isLearner;
  switch (method.kind) {
    case 'unary': {
      if (path === '/etcdserverpb.Maintenance/Status') return method;
      const isServed = (request: Buffer): boolean => path === '/etcdserverpb.KV/Range' && rangeRequest.decode(request).serializable;
      return {
        kind: 'unary',
        run: (request, call) =>
          isLearner() && !isServed(request) ? Promise.reject(new ConsensusError('learner')) : method.run(request, call),
      };
    }
    case 'server stream':
      if (path === '/etcdserverpb.Maintenance/Snapshot') return method;
      return {
        kind: 'server stream',
        run: (request, call) => (isLearner() ? Promise.reject(new ConsensusError('learner')) : method.run(request, call)),
      };
    case 'duplex':
      return {
        kind: 'duplex',
        open: (call) => {
          if (!isLearner()) return method.open(call);
          const requests = { message: () => undefined, ended: () => undefined };
          return { requests, done: Promise.reject(new ConsensusError('learner')) };
        },
      };
  }
}
