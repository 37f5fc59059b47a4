import { EmbeddedStorage, serverObjects, storedForms } from '@coracle/apiserver';
import { MemoryStore, Mvcc, revision } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { partObjects } from './parts/install.ts';

export interface PreparedStore {
  readonly store: MemoryStore;
  /** Holds what was parsed of it, for the forks. */
  readonly storage: EmbeddedStorage;
}

let prepared: Promise<PreparedStore> | undefined;

/**
 * What a simulated cluster holds before its components run: what every server writes at its first start, and what the parts need, as a
 * server has it once it has judged it. It is the same for every seed, made once in a process, and only ever forked.
 */
export function preparedStore(): Promise<PreparedStore> {
  prepared ??= prepare();
  return prepared;
}

/** Without a server, whose code would run for the first time here: that took half of the time in which a first cluster starts. */
async function prepare(): Promise<PreparedStore> {
  const process = new SimRuntime({ seed: 0 }).process('etcd');
  const empty = new Mvcc();
  const forms = storedForms([...serverObjects(), ...partObjects()], process);
  const at = revision(empty.revision + forms.length);
  const base = forms.map(({ key, value }, i) => {
    const written = revision(empty.revision + i + 1);
    return { key, value: value.bytes, createRevision: written, modRevision: written, version: 1, lease: 0n };
  });
  base.sort((a, b) => (a.key < b.key ? -1 : 1));
  const mvcc = Mvcc.restore({ ...empty.image(), revision: at, compactRevision: at, retainedRevision: at, base, changes: [] });
  const store = new MemoryStore({ process, mvcc });
  const storage = new EmbeddedStorage(store);
  await storage.list('/registry/'); // from now on it keeps what it has read, for all forks
  return { store, storage };
}
