import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Process } from '@coracle/kernel';
import type { NodeId } from '@coracle/raft';
import type { MemberView } from '../group.ts';

/** What a member shows of itself to its owner. */
export interface MemberReport extends MemberView {
  /** The members that it neither hears nor speaks to, because it was told so. */
  readonly cutFrom: readonly NodeId[];
}

/** What the owner of a member may see and do. */
export interface ControlledMember {
  report(): MemberReport;
  /** Loses what goes to these members and comes from them; none: heals the cut. */
  cut(ids: readonly NodeId[]): void;
}

export interface ControlSocket {
  close(): Promise<void>;
}

const socketName = 'control.sock';
/** sun_path of Linux has 108 bytes, that of BSDs 104, the last one a zero. */
const longestPath = 103;
const maxBodyBytes = 64 * 1024;
const jsonType = { 'content-type': 'application/json' };

/** Where the member of a data directory is controlled. */
export function controlPath(directory: string): string {
  return join(directory, socketName);
}

/**
 * Serves a member's report and its cuts over a socket in its own directory, which nobody but the owner may enter: no port, no
 * password. Undefined where no socket can be, or the path is too long for one: the member does without. The directory must be locked.
 */
export async function serveControl(process: Process, directory: string, member: ControlledMember): Promise<ControlSocket | undefined> {
  const path = controlPath(directory);
  if (Buffer.byteLength(path) > longestPath) {
    process.log.warn('The path is too long for a socket: this member cannot be looked at', { path });
    return undefined;
  }
  const server = createServer((asked, answer) => {
    process.spawn('control', () => serve(member, asked, answer));
  });
  try {
    await rm(path, { force: true }); // of a process that was killed: the directory is ours
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    await chmod(path, 0o600);
  } catch (error) {
    // Some file systems have no sockets.
    process.log.warn('This member cannot be looked at', { path, error: error instanceof Error ? error.message : String(error) });
    server.close();
    return undefined;
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve()); // which removes the file
        server.closeAllConnections();
      }),
  };
}

async function serve(member: ControlledMember, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  answer.on('error', () => undefined); // whoever asked is gone
  const say = (status: number, value: unknown): void => {
    answer.writeHead(status, jsonType);
    answer.end(JSON.stringify(value));
  };
  if (asked.method === 'GET' && asked.url === '/member') return say(200, member.report());
  if (asked.method !== 'POST' || asked.url !== '/cut') return say(404, { error: `no "${asked.method} ${asked.url}"` });
  const ids = await idsOf(asked);
  if (ids === undefined) return say(400, { error: 'the ids of members are wanted, as a list in JSON' });
  member.cut(ids);
  say(200, member.report());
}

async function idsOf(asked: IncomingMessage): Promise<readonly NodeId[] | undefined> {
  if (!(Number(asked.headers['content-length']) <= maxBodyBytes)) return undefined;
  try {
    const value: unknown = JSON.parse(await text(asked));
    return Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id > 0) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the member of a data directory, on this machine and as its owner. Rejects with Node's error when it does not run. */
export class MemberControl {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async report(): Promise<MemberReport> {
    return JSON.parse(await this.#ask('GET', '/member')) as MemberReport; // the same program wrote it
  }

  async cut(ids: readonly NodeId[]): Promise<void> {
    await this.#ask('POST', '/cut', JSON.stringify(ids));
  }

  #ask(method: string, path: string, body = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { ...jsonType, 'content-length': Buffer.byteLength(body) };
      const asking = request(
        { socketPath: controlPath(this.#directory), agent: false, method, path, headers, timeout: askMs },
        (answer) => {
          text(answer).then((said) => (answer.statusCode === 200 ? resolve(said) : reject(new Error(said))), reject);
        },
      );
      asking.on('timeout', () => asking.destroy(new Error(`no answer within ${askMs} ms`)));
      asking.on('error', reject);
      asking.end(body);
    });
  }
}

const askMs = 5000;
