import { type ApiRequest, StatusError, type Transport, TransportError } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import { collectionPath } from '../../kubernetes/resource-handle.ts';
import { isUpgradeRefused } from '../../transport/spdy/upgrade-refused.ts';
import { WebSocketConnection } from '../../transport/websocket.ts';
import { throwUnlessSuccess } from './command-result.ts';
import { runOverSpdy } from './spdy-command.ts';
import { sendAll, sizeMessage, type Streams } from './streams.ts';

/** First bytes of a message: which stream it belongs to (k8s.io/streaming remotecommand). */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** v5 can close standard input alone. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io'] as const;

/** The container to run in; without one, the pod's default. */
export interface RemoteCommandTarget {
  readonly process: Process;
  readonly transport: Transport;
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
}

/**
 * Runs `command` in a container of a pod until it ends (client-go tools/remotecommand): over a WebSocket, or over SPDY with a server or a
 * proxy that lets none through (FallbackExecutor). Throws ExitCodeError for a code that is not 0, StatusError when the server refuses,
 * TransportError when the connection cannot be made or breaks.
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
  const request = {
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
    signal,
  };
  let connection: WebSocketConnection;
  try {
    connection = await WebSocketConnection.open({ ...request, protocols });
  } catch (error) {
    // What may have begun to run must not be run again.
    if (!isUpgradeRefused(error) || error.executed !== 'no') throw error;
    await unwrapped(runOverSpdy(request, streams));
    return;
  }
  const stop = new AbortController();
  const writing: Promise<void>[] = [];
  if (stdin !== undefined) writing.push(sendInput(connection, stdin, stop.signal));
  if (sizes !== undefined) writing.push(sendAll(sizes, (size) => connection.send(framed(channels.resize, sizeMessage(size))), stop.signal));
  try {
    await unlessAborted(receive(connection, streams), signal);
  } finally {
    stop.abort(new Error('the program has ended'));
    await connection.close();
    await Promise.allSettled(writing); // what it did not read any more is nobody's failure
  }
}

/** A refusal as the server words it. */
async function unwrapped(running: Promise<void>): Promise<void> {
  try {
    await running;
  } catch (error) {
    throw error instanceof TransportError && error.cause instanceof StatusError ? error.cause : error;
  }
}

async function sendInput(connection: WebSocketConnection, stdin: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  await sendAll(stdin, (chunk) => connection.send(framed(channels.stdin, chunk)), signal);
  if (connection.protocol === protocols[0]) await connection.send(Uint8Array.of(channels.close, channels.stdin));
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

function framed(channel: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(payload.length + 1);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}
