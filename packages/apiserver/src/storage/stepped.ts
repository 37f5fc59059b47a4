import type { Process } from '@coracle/kernel';
import type { Revision } from '@coracle/etcd';
import type { Storage } from './storage.ts';

/**
 * `storage` with each operation a step of the API server's process in `lane`: what makes races between requests reachable
 * in a simulation. Watches need no step of their own: their deliveries are steps of the receiver.
 */
export function steppedStorage(storage: Storage, process: Process, lane: string): Storage {
  const step = <T>(op: string, key: string, run: () => Promise<T>): Promise<T> =>
    process.step({ lane, op, key }, run).then((result) => result);
  return {
    get: (key, options) => step('get', key, () => storage.get(key, options)),
    list: (prefix, options) => step('list', prefix, () => storage.list(prefix, options)),
    commit: (request) => step('commit', request.key, () => storage.commit(request)),
    watch: (prefix, after, sink) => storage.watch(prefix, after, sink),
    currentRevision: () => step('revision', '', () => storage.currentRevision()),
    progress: () => storage.progress(),
    compact: (revision: Revision) => step('compact', String(revision), () => storage.compact(revision)),
  };
}
