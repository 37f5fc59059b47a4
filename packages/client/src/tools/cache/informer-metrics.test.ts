import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { SharedInformerFactory } from '../../informers/factory.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import { resources } from '../../kubernetes/resources.ts';
import { newInformer } from './controller.ts';
import { FakeServer } from './fixtures/fake-server.ts';
import { object } from './fixtures/objects.ts';
import { bookmark, frame, ScriptedListWatch } from './fixtures/scripted-list-watch.ts';
import { Store } from './indexer.ts';
import { InformerName } from './informer-metrics.ts';
import { RealFifo } from './real-fifo.ts';

const pods = { group: '', version: 'v1', resource: 'pods' };

function lines(text: string, ...starts: readonly string[]): string[] {
  return text.split('\n').filter((line) => starts.some((start) => line.startsWith(start)));
}

describe('InformerName', () => {
  test('is taken once in a process, until it is given back', () => {
    const runtime = new SimRuntime();
    const process = runtime.process('a');
    const name = InformerName.reserve(process, 'controllers');
    assert.equal(name.name, 'controllers');
    assert.throws(() => InformerName.reserve(process, 'controllers'), /Cannot name informers "controllers": the name is taken/);
    assert.throws(() => InformerName.reserve(process, ''), RangeError);
    InformerName.reserve(process, 'others');
    InformerName.reserve(runtime.process('b'), 'controllers');
    name[Symbol.dispose]();
    name[Symbol.dispose]();
    const again = InformerName.reserve(process, 'controllers');
    name[Symbol.dispose]();
    assert.throws(() => InformerName.reserve(process, 'controllers'), RangeError);
    assert.equal(again.isReleased, false);
  });

  test('has metrics for the first informer of a resource, and says so of a second', () => {
    const logged: string[] = [];
    const process = new SimRuntime({ log: ({ message }) => logged.push(message) }).process('a');
    const name = InformerName.reserve(process, 'controllers');
    assert.notEqual(name.metricsOf(pods), undefined);
    assert.notEqual(name.metricsOf({ ...pods, group: 'x' }), undefined);
    assert.deepEqual(logged, []);
    assert.equal(name.metricsOf(pods), undefined);
    assert.deepEqual(logged, ['Two informers of one resource have one name, the second has no metrics']);
  });

  test('that was given back tells nothing more, of what it was asked for before either', () => {
    const process = new SimRuntime().process('a');
    const name = InformerName.reserve(process, 'controllers');
    const metrics = name.metricsOf(pods);
    const store = new Store<KubeObject>({ metrics });
    const fifo = new RealFifo<KubeObject>({ metrics });
    name[Symbol.dispose]();
    assert.equal(name.metricsOf({ ...pods, resource: 'nodes' }), undefined);
    store.add(object('a', '7'));
    fifo.add(object('a', '7'));
    fifo.pop(() => undefined);
    const text = process.metrics.text();
    assert.match(text, /informer_store_resource_version\{.*\} 0\n/);
    assert.match(text, /informer_queued_items\{.*\} 0\n/);
    assert.match(text, /informer_processing_latency_seconds_count\{.*\} 0\n/);
  });
});

describe('the metrics of an informer', () => {
  test('tell what waits and how long it takes to process', () => {
    const process = new SimRuntime().process('a');
    const metrics = InformerName.reserve(process, 'controllers').metricsOf(pods);
    const fifo = new RealFifo<KubeObject>({ metrics });
    const shown = (): string[] => lines(process.metrics.text(), 'informer_queued_items', 'informer_processing_latency_seconds_count');
    const series = '{name="controllers",group="",version="v1",resource="pods"}';
    fifo.add(object('a', '1'));
    fifo.add(object('b', '2'));
    fifo.add(object('b', '3'));
    assert.deepEqual(shown(), [`informer_processing_latency_seconds_count${series} 0`, `informer_queued_items${series} 3`]);
    let whileProcessing: string[] = [];
    const consumer = {
      batch: () => {
        whileProcessing = shown();
      },
      single: () => {
        throw new Error('bad consumer');
      },
    };
    fifo.popBatch(consumer);
    assert.equal(whileProcessing[1], `informer_queued_items${series} 1`);
    assert.throws(() => fifo.popBatch(consumer), /bad consumer/);
    assert.deepEqual(shown(), [`informer_processing_latency_seconds_count${series} 2`, `informer_queued_items${series} 0`]);
  });

  test('tell at which version the store is, by its last fifteen digits, whatever moves it', () => {
    const process = new SimRuntime().process('a');
    const store = new Store<KubeObject>({ metrics: InformerName.reserve(process, 'controllers').metricsOf(pods) });
    const version = (): number => Number(/informer_store_resource_version\{.*\} (\d+)/.exec(process.metrics.text())?.[1]);
    store.add(object('a', '7'));
    assert.equal(version(), 7);
    store.update(object('a', '123456789012345678'));
    assert.equal(version(), 456_789_012_345_678);
    store.update(object('a', 'opaque'));
    assert.equal(version(), 456_789_012_345_678);
    store.bookmark('9');
    assert.equal(version(), 9);
    store.delete(object('a', '10'));
    assert.equal(version(), 10);
    store.replace([], '12');
    assert.equal(version(), 12);
    store.replace([], '');
    assert.equal(version(), 0);
  });

  test('are told by the informers of a factory with a name, and by no others', async () => {
    for (const isNamed of [true, false]) {
      const runtime = new SimRuntime();
      const process = runtime.process('component');
      const server = new FakeServer(runtime.process('server'));
      for (const name of ['a', 'b']) server.set(name);
      const informers = new SharedInformerFactory(new Clientset({ process, transport: server }), {
        informerName: isNamed ? InformerName.reserve(process, 'controllers') : undefined,
      });
      informers.forResource(resources.core.v1.configMaps);
      informers.start();
      await runtime.settle();
      server.set('a');
      await runtime.settle();
      const series = '{name="controllers",group="",version="v1",resource="configmaps"}';
      const shown = lines(
        process.metrics.text(),
        'informer_queued_items',
        'informer_processing_latency_seconds_count',
        'informer_store_resource_version',
      );
      assert.deepEqual(
        shown,
        isNamed
          ? [
              `informer_processing_latency_seconds_count${series} 2`,
              `informer_queued_items${series} 0`,
              `informer_store_resource_version${series} 3`,
            ]
          : [],
      );
    }
  });

  test('are told by an informer with one handler too', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('component');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '1'), bookmark('4', 'true')] });
    const metrics = InformerName.reserve(process, 'controllers').metricsOf(pods);
    const { controller } = newInformer<KubeObject>({ process, name: 'pods', listWatch, handler: {}, metrics });
    process.spawn('informer', (signal) => controller.run(signal));
    await runtime.advance(10);
    assert.match(process.metrics.text(), /informer_store_resource_version\{.*\} 4\n/);
    assert.match(process.metrics.text(), /informer_processing_latency_seconds_count\{.*\} 1\n/);
  });
});
