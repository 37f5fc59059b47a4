import { maxRequestBytes } from '../mvcc/check-txn.ts';
import { authMethods } from './auth-service.ts';
import { authorized } from './authorization.ts';
import { clusterMethods } from './cluster-service.ts';
import { statusOf } from './error-status.ts';
import type { CallStream } from './grpc/call-stream.ts';
import { GrpcServer, type Method } from './grpc/server.ts';
import { healthMethods } from './health-service.ts';
import { type HttpAnswer, httpAnswer } from './http-side.ts';
import { kvMethods } from './kv-service.ts';
import { leaseMethods } from './lease-service.ts';
import { refusedByLearners } from './learner-refusals.ts';
import { type MaintainedFiles, maintenanceMethods } from './maintenance-service.ts';
import { requiringLeader } from './require-leader.ts';
import { V3Context, type V3ContextOptions } from './v3-context.ts';
import { defaultProgressIntervalMs, watchMethods } from './watch-service.ts';

export interface V3ServerOptions extends V3ContextOptions {
  readonly files: MaintainedFiles;
  /** Default ten minutes, etcd's. */
  readonly progressIntervalMs?: number;
  /** What may wait for one client of a stream, until it falls behind; default 1 MiB. */
  readonly queueBytes?: number;
}

/** A request may be this much larger than what it asks for (embed.Config.MaxRequestBytes and etcd's grpcOverheadBytes). */
const overheadBytes = 512 * 1024;

/** etcd's v3 API over a store, for one member: gRPC streams and the HTTP side of the client port. */
export class V3Server {
  readonly #context: V3Context;
  readonly #grpc: GrpcServer;

  constructor(options: V3ServerOptions) {
    const { process, files } = options;
    const context = new V3Context(options);
    const methods: Readonly<Record<string, Method>> = {
      ...kvMethods(context),
      ...watchMethods(context, { progressIntervalMs: options.progressIntervalMs ?? defaultProgressIntervalMs }),
      ...leaseMethods(context),
      ...clusterMethods(context),
      ...maintenanceMethods(context, files),
      ...authMethods(context),
    };
    const calls = process.metrics.counter({
      name: 'grpc_server_handled_total',
      help: 'Calls that were answered, by method and status.',
      labels: ['grpc_method', 'grpc_code'],
    });
    this.#context = context;
    this.#grpc = new GrpcServer({
      process,
      methods: new Map([
        ...Object.entries(methods).map(
          ([path, method]) =>
            [path, refusedByLearners(context, path, requiringLeader(context, authorized(context, path, method)))] as const,
        ),
        ...Object.entries(healthMethods(context)),
      ]),
      maxMessageBytes: maxRequestBytes + overheadBytes,
      statusOf,
      queueBytes: options.queueBytes,
      pieces: context.pieces,
      answered: (path, code) => calls.add(1, path, String(code)),
    });
  }

  /** Serves a stream whose content-type is gRPC's. */
  call(stream: CallStream): void {
    this.#grpc.handle(stream);
  }

  /** Answers any other request. */
  http(method: string, url: string): Promise<HttpAnswer> {
    return httpAnswer(this.#context, method, url);
  }
}
