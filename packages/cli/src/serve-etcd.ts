import { serveStore } from '@coracle/etcd';
import { LiveRuntime, untilAborted } from '@coracle/kernel';
import { etcdOptions } from './etcd.ts';
import type { Terminal } from './terminal.ts';

/** Serves the store, alone or as one member of several, to any client of etcd's v3 API, until it is interrupted or removed. */
export async function serveEtcd(args: readonly string[], terminal: Terminal): Promise<number> {
  const process = new LiveRuntime({ log: terminal.log }).process('etcd');
  const served = await serveStore({ process, ...etcdOptions(args) });
  const interrupted = untilAborted(terminal.interrupted);
  await Promise.race([served.ready, interrupted]);
  if (!terminal.interrupted.aborted) terminal.stdout.write(`ready to serve client requests at ${served.urls.join(', ')}\n`);
  await Promise.race([served.removed, interrupted]);
  if (!terminal.interrupted.aborted) terminal.stderr.write('coracle etcd: this member was removed from the cluster; it ends here\n');
  await served.stop();
  await process.stop();
  return 0;
}
