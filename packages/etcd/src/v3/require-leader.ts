import { ConsensusError } from '../cluster-view.ts';
import type { Call, Method } from './grpc/server.ts';
import type { V3Context } from './v3-context.ts';

/** etcd's defaults: an election takes 10 ticks of 100 ms; a stream ends after three of them without a leader. */
const electionMs = 1000;
const elections = 3;

/**
 * The calls of clients that say `hasleader: true` (clientv3.WithRequireLeader): refused while this member knows no leader, and a
 * stream ends when there has been none for some time (v3rpc/interceptor.go).
 */
export function requiringLeader(context: V3Context, method: Method): Method {
  const assertLeader = (call: Call): void => {
    if (requiresLeader(call) && isLeaderless(context)) throw new ConsensusError('no leader');
  };
  switch (method.kind) {
    case 'unary':
      return {
        kind: 'unary',
        run: (request, call) => {
          if (requiresLeader(call) && isLeaderless(context)) return Promise.reject(new ConsensusError('no leader'));
          return method.run(request, call);
        },
      };
    case 'server stream':
      return {
        kind: 'server stream',
        run: async (request, call) => {
          assertLeader(call);
          await (requiresLeader(call) ? Promise.race([method.run(request, call), leaderLost(context, call)]) : method.run(request, call));
        },
      };
    case 'duplex':
      return {
        kind: 'duplex',
        open: (call) => {
          if (!requiresLeader(call)) return method.open(call);
          if (isLeaderless(context)) {
            return {
              requests: { message: () => undefined, ended: () => undefined },
              done: Promise.reject(new ConsensusError('no leader')),
            };
          }
          const { requests, done } = method.open(call);
          return { requests, done: Promise.race([done, leaderLost(context, call)]) };
        },
      };
  }
}

function requiresLeader({ headers }: Call): boolean {
  return headers['hasleader'] === 'true';
}

function isLeaderless({ cluster }: V3Context): boolean {
  return cluster.status().leader === 0n;
}

/** Rejects when there has been no leader for three elections; stays quiet otherwise. */
function leaderLost(context: V3Context, call: Call): Promise<never> {
  return new Promise((_, reject) => {
    const { clock } = context.process;
    let missed = 0;
    let timer: Disposable;
    const look = (): void => {
      missed = isLeaderless(context) ? missed + 1 : 0;
      if (missed >= elections) reject(new ConsensusError('no leader'));
      else if (call.isOpen) timer = clock.timer(electionMs, look, { background: true });
    };
    timer = clock.timer(electionMs, look, { background: true });
    call.onClosed(() => timer[Symbol.dispose]());
  });
}
