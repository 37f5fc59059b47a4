import { chmod, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Process } from '@coracle/kernel';
import type { ProgramState, Supervisor } from './supervisor.ts';

/** There is a supervisor already, or none, or it refuses; the message says which. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
}

function socketPath(directory: string): string {
  return path.join(directory, 'supervisor.sock');
}

/** Lets the owner of the directory start and stop programs from elsewhere. Rejects with SupervisorError when another one is there. */
export async function serveSupervisor(process: Process, directory: string, supervisor: Supervisor): Promise<{ close(): Promise<void> }> {
  if (await new SupervisorClient(directory).isThere()) throw new SupervisorError(`members in "${directory}" are running already`);
  const socket = socketPath(directory);
  const act = async (method: string, url: string): Promise<readonly ProgramState[]> => {
    const [, verb, name] = /^\/(start|stop)\/([a-z0-9-]+)$/.exec(url) ?? [];
    if (method === 'POST' && verb === 'start' && name !== undefined) supervisor.start(name);
    else if (method === 'POST' && verb === 'stop' && name !== undefined) await supervisor.stop(name);
    else if (method !== 'GET' || url !== '/') throw new RangeError(`There is no "${method} ${url}"`);
    return supervisor.states();
  };
  const server = createServer((asked, answer) => {
    asked.resume();
    answer.on('error', () => undefined); // whoever asked is gone
    process.spawn('control', async () => {
      let status = 200;
      let said: unknown;
      try {
        said = await act(asked.method ?? '', asked.url ?? '');
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        status = 404;
        said = error.message;
      }
      answer.writeHead(status, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(said));
    });
  });
  await rm(socket, { force: true }); // of one that was killed
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: socket }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  await chmod(socket, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Asks the supervisor of a directory. Rejects with SupervisorError. */
export class SupervisorClient {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async isThere(): Promise<boolean> {
    try {
      await this.#ask('GET', '/');
      return true;
    } catch (error) {
      if (error instanceof SupervisorError) return false;
      throw error;
    }
  }

  start(name: string): Promise<readonly ProgramState[]> {
    return this.#ask('POST', `/start/${encodeURIComponent(name)}`);
  }

  stop(name: string): Promise<readonly ProgramState[]> {
    return this.#ask('POST', `/stop/${encodeURIComponent(name)}`);
  }

  #ask(method: string, url: string): Promise<readonly ProgramState[]> {
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath: socketPath(this.#directory), agent: false, method, path: url }, (answer) => {
        text(answer).then((said) => {
          const value: unknown = JSON.parse(said);
          if (answer.statusCode === 200)
            resolve(value as readonly ProgramState[]); // the same program wrote it
          else reject(new SupervisorError(String(value)));
        }, reject);
      });
      asking.on('error', () =>
        reject(new SupervisorError(`no members are running in "${this.#directory}"; "coracle raft up" starts them`)),
      );
      asking.end();
    });
  }
}
