import type { Method, StreamCall } from './grpc/server.ts';
import { GrpcError, grpcCode } from './grpc/status.ts';
import { healthCheckRequest, healthCheckResponse } from './messages.ts';
import { bare, type V3Context } from './v3-context.ts';

const serving = 1;
const notServing = 2;
const unknownService = 3;
/** How often a watch of the health looks again. */
const lookAgainMs = 1000;

/** grpc.health.v1.Health: of the whole server, which is the empty name. */
export function healthMethods(context: V3Context): Readonly<Record<string, Method>> {
  return {
    '/grpc.health.v1.Health/Check': {
      kind: 'unary',
      run: async (request) => {
        if (healthCheckRequest.decode(request).service !== '') throw new GrpcError(grpcCode.notFound, 'unknown service');
        return bare(healthCheckResponse, { status: statusNow(context) });
      },
    },
    '/grpc.health.v1.Health/Watch': { kind: 'server stream', run: (request, call) => watch(context, request, call) },
  };
}

function statusNow({ cluster }: V3Context): number {
  return cluster.status().leader === 0n ? notServing : serving;
}

async function watch(context: V3Context, request: Buffer, call: StreamCall): Promise<void> {
  const isKnown = healthCheckRequest.decode(request).service === '';
  const over = new AbortController();
  call.onClosed(() => over.abort());
  for (let said: number | undefined; call.isOpen; ) {
    const status = isKnown ? statusNow(context) : unknownService;
    if (status !== said) call.send(bare(healthCheckResponse, { status }));
    said = status;
    await context.process.clock.sleep(lookAgainMs, { background: true, signal: over.signal }).catch(() => undefined); // the call is over
  }
}
