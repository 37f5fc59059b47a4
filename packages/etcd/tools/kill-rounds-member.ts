// One member for kill-rounds.ts: what `coracle etcd` does, without the rest of the program. Its options come as JSON.
import { LiveRuntime } from '@coracle/kernel';
import { serveStore, type ServeStoreOptions } from '../src/v3/serve-store.ts';

// kill-rounds.ts writes it, in which a map is a list.
const options = JSON.parse(process.argv[2] ?? '', (key, value: unknown) =>
  key === 'members' ? new Map(value as [string, string[]][]) : value,
) as Omit<ServeStoreOptions, 'process'>;
const served = await serveStore({ process: new LiveRuntime().process('etcd'), ...options });
await served.ready;
process.stdout.write('ready to serve client requests\n');
