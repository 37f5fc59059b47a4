import { EmbeddedStorage, fixtureKeySource } from '@coracle/apiserver';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { Cluster } from './cluster.ts';
import { installParts } from './parts/install.ts';

export interface PreparedStore {
  readonly store: MemoryStore;
  /** Holds what was parsed of it, for the forks. */
  readonly storage: EmbeddedStorage;
}

let prepared: Promise<PreparedStore> | undefined;

/**
 * What a simulated cluster holds before its components run: what every server writes at its first start, and what the parts need.
 * It is the same for every seed, made once in a process by a server and a client, and only ever forked.
 */
export function preparedStore(): Promise<PreparedStore> {
  prepared ??= prepare();
  return prepared;
}

async function prepare(): Promise<PreparedStore> {
  const runtime = new SimRuntime({ seed: 0 });
  const store = new MemoryStore({ process: runtime.process('etcd') });
  const storage = new EmbeddedStorage(store);
  const cluster = new Cluster({ runtime, storage, serviceAccountKey: fixtureKeySource.keyPair().privateKey });
  await runtime.drive(cluster.start());
  await runtime.drive(installParts(cluster));
  await runtime.settle(); // until the definition is served
  await runtime.drive(cluster.stop());
  return { store, storage };
}
