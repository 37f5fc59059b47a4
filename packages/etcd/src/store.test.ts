import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeContract } from './contract/store-contract.ts';
import { MemoryStore } from './store.ts';

storeContract('MemoryStore', async (process) => new MemoryStore({ process }));

test('MemoryStore without a process refuses leases', async () => {
  await assert.rejects(new MemoryStore().grantLease({ ttlSeconds: 5 }), TypeError);
});
