import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore, prefixEnd } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { mastersGroup } from '../authentication/user.ts';
import { WholeServer } from '../recorded/whole-server.fixture.ts';
import { bootstrap } from './bootstrap.ts';
import { bootstrapText } from './generated.ts';
import { prepareObjects } from './prepared.ts';

const everything = { key: '/registry/', end: prefixEnd('/registry/') };
const decoder = new TextDecoder();

function contentOf({ store }: WholeServer): readonly string[] {
  return store.range(everything).kvs.map(({ key, value, modRevision }) => `${modRevision} ${key} ${decoder.decode(value)}`);
}

function emptyServer(): WholeServer {
  return new WholeServer(new SimRuntime({ seed: 1, startMs: Date.UTC(2026, 6, 9, 8, 7, 6) }), new MemoryStore());
}

/** Without what a client leaves to the server. */
function asSent(line: string): unknown {
  return JSON.parse(line.replace('"creationTimestamp":"",', '').replace(',"uid":""', ''));
}

test('bootstrap() writes to the byte what the registry would write', async () => {
  const [prepared, piped] = [emptyServer(), emptyServer()];
  const { server, runtime } = piped;
  let objects = 0;
  for (const { group, version, resource } of prepareObjects(bootstrapText)) {
    const registry = server.resources.registry(group, version, resource);
    assert.ok(registry, `${resource} is served`);
    for (const line of (bootstrapText[[group, version, resource].filter((part) => part !== '').join('/')] ?? '').split('\n')) {
      const { object, strictErrors } = registry.definition.decode(asSent(line));
      assert.deepEqual(strictErrors, []);
      await runtime.drive(registry.create(server.contextFor({ name: 'admin', groups: [mastersGroup] }, object.metadata.namespace), object));
      objects++;
    }
  }
  assert.equal(await prepared.runtime.drive(bootstrap(prepared.server)), objects);
  assert.deepEqual(contentOf(prepared), contentOf(piped));
  for (const { key } of prepared.store.range(everything).kvs) {
    const { stored } = await prepared.server.storage.get(key);
    assert.deepEqual(stored?.object, (await server.storage.get(key)).stored?.object, key);
    assert.deepEqual(JSON.parse(decoder.decode(stored?.bytes)), stored?.object);
    assert.ok(Object.isFrozen(stored?.object['rules'] ?? stored?.object.metadata));
  }
});

test('bootstrap() writes only what is not there, and leaves alone what was changed', async () => {
  const { server, runtime, store } = emptyServer();
  const all = await runtime.drive(bootstrap(server));
  const role = '/registry/clusterroles/view';
  const changed = new TextEncoder().encode('{"kind":"ClusterRole","metadata":{"name":"view"},"rules":[]}');
  await store.txn({ compares: [], success: [{ op: 'put', key: role, value: changed }], failure: [] });
  await store.txn({ compares: [], success: [{ op: 'delete', key: '/registry/clusterroles/edit' }], failure: [] });
  const before = store.revision;
  assert.equal(await runtime.drive(bootstrap(server)), 1);
  assert.equal(store.revision, before + 1);
  assert.deepEqual(store.range({ key: role }).kvs[0]?.value, changed);
  assert.equal(await runtime.drive(bootstrap(server)), 0);
  assert.ok(all > 100);
});
