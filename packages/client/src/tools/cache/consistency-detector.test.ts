import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigMap } from '@coracle/api';
import { deepFreeze, type Frozen, type KubeObject, newExpired, newInternalError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../../contract/api-server.fixture.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import type { ListOptions } from '../../rest/options.ts';
import { isDetectorOn } from './consistency-detector.ts';
import type { Transform } from './deltas.ts';
import { bookmark, frame, pod, ScriptedListWatch } from './fixtures/scripted-list-watch.ts';
import { Store } from './indexer.ts';
import { Reflector } from './reflector.ts';

interface Outcome {
  readonly lists: readonly ListOptions[];
  readonly stored: readonly string[];
  readonly logged: readonly string[];
}

const streamed = { frames: [frame('ADDED', 'a', '1'), frame('ADDED', 'b', '2'), bookmark('2', 'true')] };
const ofList = (...items: Frozen<KubeObject>[]) => ({ metadata: { resourceVersion: '2' }, items });

/** Streams a and b, and answers the lists that follow with `answers`; `failure` is what stopped the process. */
async function check(
  answers: readonly (ReturnType<typeof ofList> | Error)[],
  {
    transform,
    version = '2',
    ms = 10_000,
  }: { readonly transform?: Transform<KubeObject>; readonly version?: string; readonly ms?: number } = {},
): Promise<Outcome> {
  const logged: string[] = [];
  const runtime = new SimRuntime({ log: ({ level, message }) => (level === 'debug' ? undefined : logged.push(message)) });
  const process = runtime.process('c');
  const listWatch = new ScriptedListWatch(process);
  listWatch.watches.push({ frames: [...streamed.frames.slice(0, 2), bookmark(version, 'true')] });
  listWatch.lists.push(...answers);
  const lists: ListOptions[] = [];
  const store = new Store<KubeObject>({ transform });
  const reflector = new Reflector<KubeObject>({
    process,
    name: 'pods',
    listWatch: {
      list(options = {}, io = {}) {
        lists.push(options);
        return listWatch.list(options, io);
      },
      watch: listWatch.watch.bind(listWatch),
    },
    store,
    detectsInconsistency: true,
  });
  const stop = new AbortController();
  process.spawn('reflector', () => reflector.run(stop.signal));
  await runtime.advance(ms);
  stop.abort(new Error('enough'));
  await runtime.settle();
  return { lists, stored: store.listKeys(), logged };
}

describe('the consistency detector', () => {
  test('is switched by the environment, as Go reads a boolean', () => {
    for (const value of ['1', 't', 'T', 'true', 'TRUE', 'True']) {
      assert.equal(isDetectorOn({ KUBE_WATCHLIST_INCONSISTENCY_DETECTOR: value }), true, value);
    }
    for (const value of ['0', 'false', 'yes', 'on', '', 'tRUE']) {
      assert.equal(isDetectorOn({ KUBE_WATCHLIST_INCONSISTENCY_DETECTOR: value }), false, value);
    }
    assert.equal(isDetectorOn({}), false);
  });

  test('lists once more at exactly the version that was streamed, in any order', async () => {
    const { lists, stored } = await check([ofList(pod('b', '2'), pod('a', '1'))]);
    assert.deepEqual(lists, [{ resourceVersion: '2', resourceVersionMatch: 'Exact' }]);
    assert.deepEqual(stored, ['ns/a', 'ns/b']);
  });

  test('stops the process when an object differs, is missing, or is there too much, and names it', async () => {
    await assert.rejects(
      check([ofList(pod('a', '1'), pod('b', '3'))]),
      /Data inconsistency detected for pods at version 2: ns\/b \(\) was streamed with other content/,
    );
    await assert.rejects(check([ofList(pod('a', '1'))]), /: ns\/b \(\) is not listed/);
    await assert.rejects(check([ofList(pod('a', '1'), pod('b', '2'), pod('c', '2'))]), /: ns\/c \(\) was not streamed/);
    const five = Array.from({ length: 5 }, (_, i) => pod(`x${i}`, '1'));
    await assert.rejects(check([ofList(pod('a', '1'), pod('b', '2'), ...five)]), /x4 \(\) was not streamed$/);
    const many = Array.from({ length: 7 }, (_, i) => pod(`x${i}`, '1'));
    await assert.rejects(check([ofList(pod('a', '1'), pod('b', '2'), ...many)]), /x4 \(\) was not streamed, and 2 more/);
  });

  test('tries each second until it is answered, and says nothing when it is not', async () => {
    const broken = newInternalError('broken');
    const { lists, stored } = await check([broken, broken, ofList(pod('a', '1'), pod('b', '2'))]);
    assert.equal(lists.length, 3);
    assert.deepEqual(stored, ['ns/a', 'ns/b']);
    const never = await check([broken], { ms: 3_500 });
    assert.equal(never.lists.length, 4);
    const dropped = await check([newExpired('too old resource version')]);
    assert.equal(dropped.lists.length, 1);
    assert.deepEqual(dropped.stored, ['ns/a', 'ns/b']);
  });

  test('does not check what has no version', async () => {
    for (const version of ['', '0']) assert.deepEqual((await check([ofList()], { version })).lists, []);
  });

  test('compares what the transform makes', async () => {
    const transform: Transform<KubeObject> = ({ metadata: { name = '', namespace = '' } }) => deepFreeze({ metadata: { name, namespace } });
    const { stored } = await check([ofList(pod('a', '7'), pod('b', '8'))], { transform });
    assert.deepEqual(stored, ['ns/a', 'ns/b']);
  });

  test('finds that a real server streams what it lists', async () => {
    const runtime = new SimRuntime();
    const server = new TestApiServer(runtime);
    const process = runtime.process('component');
    const clientset = new Clientset({ process, transport: server.connect(process) });
    await runtime.drive(clientset.coreV1.namespaces().create({ metadata: { name: 'default' } }));
    const maps = clientset.coreV1.configMaps('default');
    for (const name of ['a', 'b']) await runtime.drive(maps.create({ metadata: { name }, data: { key: name } }));
    const store = new Store<ConfigMap>();
    let lists = 0;
    const reflector = new Reflector<ConfigMap>({
      process,
      name: 'configmaps',
      listWatch: {
        list(options, io) {
          lists++;
          return maps.list(options, io);
        },
        watch: maps.watch,
      },
      store,
      detectsInconsistency: true,
    });
    process.spawn('reflector', (signal) => reflector.run(signal));
    await runtime.settle();
    assert.equal(lists, 1);
    assert.deepEqual(store.listKeys(), ['default/a', 'default/b']);
  });
});
