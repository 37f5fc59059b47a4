import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceUnavailable, isTooManyRequests } from '@coracle/apimachinery';
import { ConsensusError, DiskFull, MemoryStore, SpaceExceededError, StoreStopped, TooManyRequestsError } from '@coracle/etcd';
import { EmbeddedStorage } from './embedded.ts';
import { valueOf } from './storage-contract.ts';

for (const { refusal, is, says } of [
  { refusal: new DiskFull('/data'), is: isServiceUnavailable, says: /no space is left; free some, and writes are accepted again/ },
  { refusal: new SpaceExceededError(), is: isServiceUnavailable, says: /no space is left; free some, and writes are accepted again/ },
  { refusal: new StoreStopped(), is: isServiceUnavailable, says: /./ },
  { refusal: new ConsensusError('no leader'), is: isServiceUnavailable, says: /etcdserver: no leader/ },
  { refusal: new TooManyRequestsError(), is: isTooManyRequests, says: /etcdserver: too many requests/ },
]) {
  test(`EmbeddedStorage.commit() says ${refusal.name} of the store as a Status`, async () => {
    const store = new MemoryStore();
    store.txn = () => Promise.reject(refusal);
    const commit = new EmbeddedStorage(store).commit({ key: '/registry/configmaps/a', expect: 'absent', value: valueOf('a', '1') });
    await assert.rejects(commit, (error: unknown) => {
      assert.ok(is(error), String(error));
      assert.match(String(error), says);
      return true;
    });
  });
}
