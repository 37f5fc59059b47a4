import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedStorage, fixtureKeySource, liveKeySource } from '@coracle/apiserver';
import { MemoryStore } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { Cluster } from './cluster.ts';

test('Cluster, live, refuses the key of the fixtures and takes one of its own', () => {
  const clusterWith = (serviceAccountKey: string): Cluster =>
    new Cluster({ runtime: new LiveRuntime(), storage: new EmbeddedStorage(new MemoryStore()), serviceAccountKey });
  const { privateKey } = fixtureKeySource.keyPair();
  for (const written of [privateKey, privateKey.replaceAll('\n', '\r\n')]) {
    assert.throws(
      () => clusterWith(written),
      new TypeError('Cannot sign the tokens of a live cluster with the key of the fixtures, which everybody knows'),
    );
  }
  assert.ok(clusterWith(liveKeySource.keyPair().privateKey));
});
