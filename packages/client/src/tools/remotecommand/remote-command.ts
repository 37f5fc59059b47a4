import { type ApiRequest, type Frozen, readJson, type Status, StatusError, type Transport, TransportError } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import { collectionPath } from '../../kubernetes/resource-handle.ts';
import { WebSocketConnection } from '../../transport/websocket.ts';

/** First bytes of a message: which stream it belongs to (k8s.io/streaming remotecommand). */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** v5 can close standard input alone. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io'] as const;

/** In characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What goes in and out of a program in a container. */
export interface Streams {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Called in order; the next part waits for the promise. */
  readonly stdout?: (chunk: Uint8Array) => void | Promise<void>;
  /** Not together with `tty`: a terminal has one output. */
  readonly stderr?: (chunk: Uint8Array) => void | Promise<void>;
  readonly tty?: boolean;
  /** The terminal's size, at first and whenever it changed. */
  readonly sizes?: AsyncIterable<TerminalSize>;
}

/** The container to run in; without one, the pod's default. */
export interface RemoteCommandTarget {
  readonly process: Process;
  readonly transport: Transport;
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
}

/** The program ended with another code than 0 (k8s.io/client-go/util/exec CodeExitError). */
export class ExitCodeError extends Error {
  override readonly name = 'ExitCodeError';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`command terminated with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/**
 * Runs `command` in a container of a pod until it ends (client-go tools/remotecommand). Throws ExitCodeError for a code that is not 0,
 * StatusError when the server refuses, TransportError when the connection cannot be made or breaks.
 */
export function exec(
  target: RemoteCommandTarget,
  command: readonly string[],
  streams: Streams,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  if (command.length === 0) throw new TypeError('the command to run is empty');
  return run(
    target,
    'exec',
    command.map((word) => ['command', word] as const),
    streams,
    options.signal,
  );
}

/** The same with the program that runs already. */
export function attach(target: RemoteCommandTarget, streams: Streams, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
  return run(target, 'attach', [], streams, options.signal);
}

async function run(
  target: RemoteCommandTarget,
  subresource: 'exec' | 'attach',
  command: ApiRequest['query'],
  streams: Streams,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { stdin, stdout, stderr, tty = false, sizes } = streams;
  if (stdin === undefined && stdout === undefined && stderr === undefined)
    throw new TypeError('one of stdin, stdout and stderr must be given');
  if (tty && stderr !== undefined) throw new TypeError('a terminal has no standard error of its own');
  const { process, transport, namespace, pod, container } = target;
  const flag = (name: string, isSet: boolean): ApiRequest['query'] => (isSet ? [[name, 'true']] : []);
  const connection = await opened({
    process,
    transport,
    path: `${collectionPath({ group: '', version: 'v1', resource: 'pods' }, namespace)}/${encodeURIComponent(pod)}/${subresource}`,
    query: [
      ...command,
      ...(container === undefined ? [] : [['container', container] as const]),
      ...flag('stdin', stdin !== undefined),
      ...flag('stdout', stdout !== undefined),
      ...flag('stderr', stderr !== undefined),
      ...flag('tty', tty),
    ],
    protocols,
    signal,
  });
  const stop = new AbortController();
  const writing: Promise<void>[] = [];
  if (stdin !== undefined) writing.push(sendInput(connection, stdin, stop.signal));
  if (sizes !== undefined) writing.push(sendSizes(connection, sizes, stop.signal));
  try {
    await unlessAborted(receive(connection, streams), signal);
  } finally {
    stop.abort(new Error('the program has ended'));
    await connection.close();
    await Promise.allSettled(writing); // what it did not read any more is nobody's failure
  }
}

async function opened(options: Parameters<typeof WebSocketConnection.open>[0]): Promise<WebSocketConnection> {
  try {
    return await WebSocketConnection.open(options);
  } catch (error) {
    throw error instanceof TransportError && error.cause instanceof StatusError ? error.cause : error;
  }
}

async function sendInput(connection: WebSocketConnection, stdin: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  // Input that nobody waits for any more stays the caller's: a generator that waits for a key cannot be ended from here.
  const iterator = stdin[Symbol.asyncIterator]();
  for (let next = await unlessAborted(iterator.next(), signal); next.done !== true; next = await unlessAborted(iterator.next(), signal)) {
    await connection.send(framed(channels.stdin, next.value));
  }
  if (connection.protocol === protocols[0]) await connection.send(Uint8Array.of(channels.close, channels.stdin));
}

async function sendSizes(connection: WebSocketConnection, sizes: AsyncIterable<TerminalSize>, signal: AbortSignal): Promise<void> {
  const iterator = sizes[Symbol.asyncIterator]();
  for (let next = await unlessAborted(iterator.next(), signal); next.done !== true; next = await unlessAborted(iterator.next(), signal)) {
    const { width, height } = next.value;
    await connection.send(framed(channels.resize, new TextEncoder().encode(`${JSON.stringify({ Width: width, Height: height })}\n`)));
  }
}

/** Until the error stream says how it ended. */
async function receive(connection: WebSocketConnection, { stdout, stderr }: Streams): Promise<void> {
  const errors: Uint8Array[] = [];
  for await (const message of connection.messages()) {
    const [channel] = message;
    const payload = message.subarray(1);
    if (payload.length === 0) continue; // servers open each stream with an empty message
    if (channel === channels.stdout) await stdout?.(payload);
    else if (channel === channels.stderr) await stderr?.(payload);
    else if (channel === channels.error) errors.push(payload);
  }
  const text = Buffer.concat(errors);
  if (text.length > 0) throwUnlessSuccess(connection.protocol, text);
}

function throwUnlessSuccess(protocol: string, text: Buffer): void {
  // Older protocols send words, and nothing on success.
  if (protocol !== 'v5.channel.k8s.io' && protocol !== 'v4.channel.k8s.io')
    throw new Error(`error executing remote command: ${text.toString()}`);
  let status: Frozen<Status>;
  try {
    status = readJson(text).value as Frozen<Status>; // its members are looked at one by one
  } catch (error) {
    throw new Error(`error stream protocol error: ${error instanceof Error ? error.message : String(error)} in "${text.toString()}"`, {
      cause: error,
    });
  }
  if (status.status === 'Success') return;
  if (status.status !== 'Failure') throw new Error('error stream protocol error: unknown error');
  if (String(status.reason) !== 'NonZeroExitCode') throw new StatusError(status as Status);
  if (status.details === undefined) throw new Error('error stream protocol error: details must be set');
  const code = status.details.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code === undefined) throw new Error('error stream protocol error: no ExitCode cause given');
  if (!/^\d{1,3}$/.test(code) || Number(code) > 255) throw new Error(`error stream protocol error: invalid exit code value "${code}"`);
  throw new ExitCodeError(Number(code));
}

function framed(channel: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(payload.length + 1);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}
