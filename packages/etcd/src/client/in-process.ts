import type { Process } from '@coracle/kernel';
import type { CallHead, CallSink, CallStream } from '../v3/grpc/call-stream.ts';
import { grpcCode } from '../v3/grpc/status.ts';
import {
  type AnswerSink,
  type CallEnd,
  type CallRequest,
  type Connection,
  type Connector,
  type Endpoint,
  endpointText,
  type OutgoingCall,
} from './connection.ts';

/** What answers calls: a V3Server. */
export interface CallHandler {
  call(stream: CallStream): void;
}

/**
 * Servers in this process, by endpoint, for simulations: every message is a step of its receiver, and a server can be lost at any moment.
 */
export class InProcessServers implements Connector {
  readonly #process: Process;
  readonly #servers = new Map<string, CallHandler>();
  readonly #connections = new Map<string, Set<InProcessConnection>>();

  /** `process` is the one that answers are told in. */
  constructor(process: Process) {
    this.#process = process;
  }

  /** From now on it can be reached. */
  up(endpoint: string, server: CallHandler): void {
    this.#servers.set(endpoint, server);
  }

  /** Refuses connections and cuts those that there are, between any two messages. */
  down(endpoint: string): void {
    this.#servers.delete(endpoint);
    for (const connection of [...(this.#connections.get(endpoint) ?? [])]) connection.close(new Error('connection reset'));
  }

  /** Nothing that the server sends arrives any more, and pings go unanswered, until it is taken down. */
  silence(endpoint: string): void {
    for (const connection of this.#connections.get(endpoint) ?? []) connection.isSilent = true;
  }

  async connect(endpoint: Endpoint, { onClosed }: { readonly onClosed: (reason: Error) => void }): Promise<Connection> {
    const name = endpointText(endpoint);
    const at = { lane: 'etcd', op: 'connect', key: name };
    return this.#process.step(at, () => {
      const server = this.#servers.get(name);
      if (server === undefined) throw new Error(`connection to "${name}" refused`);
      const connections = this.#connections.get(name) ?? new Set();
      this.#connections.set(name, connections);
      const connection = new InProcessConnection(this.#process, server, (reason) => {
        connections.delete(connection);
        onClosed(reason);
      });
      connections.add(connection);
      return connection;
    });
  }
}

class InProcessConnection implements Connection {
  readonly #process: Process;
  readonly #server: CallHandler;
  readonly #onClosed: (reason: Error) => void;
  readonly #calls = new Set<InProcessCall>();
  #isClosed = false;
  isSilent = false;

  constructor(process: Process, server: CallHandler, onClosed: (reason: Error) => void) {
    this.#process = process;
    this.#server = server;
    this.#onClosed = onClosed;
  }

  open(request: CallRequest, answer: AnswerSink): OutgoingCall {
    const call = new InProcessCall({
      process: this.#process,
      request,
      answer,
      isSilent: () => this.isSilent,
      over: () => this.#calls.delete(call),
    });
    if (this.#isClosed) call.lose(new Error('connection closed'));
    else {
      this.#calls.add(call);
      call.begin(this.#server);
    }
    return call;
  }

  ping(answered: () => void): void {
    this.#process.post({ lane: 'etcd', op: 'ping' }, () => {
      if (!this.#isClosed && !this.isSilent) answered();
    });
  }

  close(reason: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const call of [...this.#calls]) call.lose(reason);
    this.#onClosed(reason);
  }
}

interface InProcessCallOptions {
  readonly process: Process;
  readonly request: CallRequest;
  readonly answer: AnswerSink;
  readonly isSilent: () => boolean;
  readonly over: () => void;
}

/** One call, seen from its client. */
class InProcessCall implements OutgoingCall {
  readonly #options: InProcessCallOptions;
  readonly #server: ServerSide;
  #wasBegun = false;
  #isOver = false;

  constructor(options: InProcessCallOptions) {
    this.#options = options;
    this.#server = new ServerSide(options.request, {
      data: (frame) => this.#toClient('answer', () => options.answer.data(frame)),
      ended: (end) => this.#toClient('status', () => this.#finish(end)),
    });
  }

  begin(server: CallHandler): void {
    this.#toServer('open', () => {
      this.#wasBegun = true;
      server.call(this.#server);
    });
  }

  /** The connection is gone: each side hears of it. */
  lose(reason: Error): void {
    this.#finish({ is: 'lost', sent: this.#wasBegun, reason });
  }

  write(frame: Buffer): void {
    this.#toServer('request', () => this.#server.sink?.data(frame));
  }

  finish(): void {
    this.#toServer('finish', () => this.#server.sink?.ended());
  }

  cancel(): void {
    if (this.#close()) this.#post('cancel', () => this.#server.sink?.closed());
  }

  #finish(end: CallEnd): void {
    if (!this.#close()) return;
    this.#post('ended', () => this.#options.answer.ended(end));
    this.#post('closed', () => this.#server.sink?.closed());
  }

  #close(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#options.over();
    return true;
  }

  #toServer(op: string, run: () => void): void {
    this.#post(op, () => {
      if (!this.#isOver) run();
    });
  }

  #toClient(op: string, run: () => void): void {
    this.#post(op, () => {
      if (!this.#isOver && !this.#options.isSilent()) run();
    });
  }

  #post(op: string, run: () => void): void {
    this.#options.process.post({ lane: 'etcd', op, key: this.#options.request.path }, run);
  }
}

/** The same call, seen from its server. */
class ServerSide implements CallStream {
  readonly head: CallHead;
  readonly #client: AnswerSink;
  sink: CallSink | undefined;

  constructor({ path, metadata }: CallRequest, client: AnswerSink) {
    this.head = { method: 'POST', path, headers: { 'content-type': 'application/grpc', te: 'trailers', ...metadata } };
    this.#client = client;
  }

  receive(sink: CallSink): void {
    this.sink = sink;
  }

  pause(): void {}

  resume(): void {}

  begin(): void {}

  write(frames: readonly Buffer[]): boolean {
    for (const frame of frames) this.#client.data(frame);
    return true;
  }

  lend(bytes: Buffer): boolean {
    return this.write([bytes]); // the client keeps what it is given
  }

  answer(frame: Buffer): void {
    this.write([frame]);
    this.finish(grpcCode.ok, '');
  }

  finish(code: number, message: string): void {
    this.#client.ended({ is: 'status', code, message });
  }

  refuse(code: number, message: string): void {
    this.finish(code, message);
  }

  reject(status: number, text: string): void {
    this.finish(grpcCode.unknown, `unexpected HTTP status code ${status}: ${text}`);
  }

  release(): void {}
}
