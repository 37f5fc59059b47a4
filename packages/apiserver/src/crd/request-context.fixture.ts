import { MemoryStore } from '@coracle/etcd';
import { seededRandom } from '@coracle/simulator';
import type { RequestContext } from '../registry/definition.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';

/** For tests of rules: a request of an administrator to an empty store. */
export function contextFor(seed: number): RequestContext {
  return {
    user: { name: 'admin', uid: 'admin', groups: ['system:masters', 'system:authenticated'] },
    namespace: 'default',
    dryRun: false,
    clock: { now: () => Date.UTC(2026, 0, 1) },
    random: seededRandom(seed),
    storage: new EmbeddedStorage(new MemoryStore()),
    userAgent: 'test/1.0',
    warn: () => {},
  };
}
