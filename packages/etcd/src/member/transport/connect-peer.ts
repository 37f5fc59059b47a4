import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Process } from '@coracle/kernel';
import type { ClusterDescription } from '../peer-transport.ts';
import { decodeMembers, encodeMembers } from '../members.ts';
import { Malformed } from '../../wal/binary.ts';
import { FrameReader, frame, write } from './frames.ts';

/** PEM texts. Both sides show a certificate of `ca`; anybody else is hung up on. */
export interface PeerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The first byte of a connection between members. */
export const purpose = { messages: 1, snapshot: 2, description: 3, replacement: 4 } as const;

/** Errors are told by the socket's end: whoever uses it looks at that. */
export function connectPeer(url: string, tls: PeerTls | undefined): Socket {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket =
    tls === undefined ? connect(Number(port), host) : connectTls({ ...tls, host, port: Number(port), rejectUnauthorized: true });
  socket.setNoDelay(true);
  socket.on('error', () => {});
  return socket;
}

export interface AskClusterOptions {
  readonly process: Process;
  readonly url: string;
  readonly tls?: PeerTls | undefined;
  readonly timeoutMs: number;
}

/** What the member at `url` says of its cluster; undefined when nobody answers there, or not with that. */
export async function askCluster(options: AskClusterOptions): Promise<ClusterDescription | undefined> {
  const answer = await ask(options, Buffer.from([purpose.description]));
  try {
    return answer === undefined ? undefined : decodeDescription(answer);
  } catch {
    return undefined; // somebody else may answer
  }
}

/** Has the member at `url` see to it that the one member of `asked` is replaced. Gives why not, if not. */
export async function askReplacement(options: AskClusterOptions, asked: ClusterDescription): Promise<string | undefined> {
  const answer = await ask(options, Buffer.concat([Buffer.from([purpose.replacement]), encodeDescription(asked)]));
  if (answer === undefined) return 'nobody answers';
  return answer.length === 0 ? undefined : answer.toString('utf8');
}

async function ask({ process, url, tls, timeoutMs }: AskClusterOptions, question: Buffer): Promise<Buffer | undefined> {
  using deadline = process.clock.deadline(timeoutMs, { background: true });
  const socket = connectPeer(url, tls);
  try {
    const onAbort = (): unknown => socket.destroy();
    deadline.signal.addEventListener('abort', onAbort, { once: true });
    await write(socket, question);
    return await new FrameReader(socket).next();
  } catch {
    return undefined; // somebody else may answer
  } finally {
    socket.destroy();
  }
}

/** As a frame. */
export function encodeDescription({ clusterId, members }: ClusterDescription): Buffer {
  return frame(Buffer.from(`${clusterId}\n${encodeMembers(members)}`, 'latin1'));
}

/** Throws Malformed. */
export function decodeDescription(bytes: Buffer): ClusterDescription {
  const [clusterId = '', ...members] = bytes.toString('latin1').split('\n');
  if (!/^[0-9a-f]{16}$/.test(clusterId)) throw new Malformed('a cluster has no id');
  return { clusterId, members: decodeMembers(members.join('\n')) };
}
