import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ApiRequest, type ExchangeOptions, type KubeObject, newInternalError } from '@coracle/apimachinery';
import { SimRuntime, uniform } from '@coracle/simulator';
import { FakeServer } from './fixtures/fake-server.ts';
import { configMapsOf } from './fixtures/informer-scene.ts';
import type { ResourceEventHandler } from './event-handlers.ts';
import { type InformerOptions, SharedIndexInformer } from './shared-informer.ts';

/** A server that says when it is asked, and when it is about to answer. */
class TellingServer extends FakeServer {
  onRequest: () => void = () => undefined;
  onAnswer: () => void = () => undefined;

  override async exchange(request: ApiRequest, options?: ExchangeOptions): ReturnType<FakeServer['exchange']> {
    this.onRequest();
    const response = await super.exchange(request, options);
    this.onAnswer();
    return response;
  }
}

interface Moment {
  readonly server: TellingServer;
  readonly runtime: SimRuntime;
  readonly stop: () => void;
}

interface Case {
  readonly where: string;
  readonly options?: (stop: () => void) => Partial<InformerOptions<KubeObject>>;
  readonly handler?: (stop: () => void) => ResourceEventHandler<KubeObject>;
  /** Brings it about, once everything is set up and nothing runs. */
  readonly act?: (moment: Moment) => Promise<void> | void;
  /** Whether it has synced in the end. */
  readonly synced: boolean;
}

function after<T>(first: () => void, value: T): T {
  first();
  return value;
}

const cases: readonly Case[] = [
  { where: 'before it runs', act: ({ stop }) => stop(), synced: false },
  {
    where: 'when it asks for the list',
    act({ server, stop }) {
      server.onRequest = stop;
    },
    synced: false,
  },
  {
    where: 'when the list begins to come',
    act({ server, stop }) {
      server.onAnswer = stop;
    },
    synced: false,
  },
  {
    where: 'when it asks for the watch after a list',
    options: () => ({ watchList: false }),
    act({ server, stop }) {
      let requests = 0;
      server.onRequest = () => {
        if (++requests === 2) stop();
      };
    },
    synced: true,
  },
  { where: 'in a transform', options: (stop) => ({ transform: (object) => after(stop, object) }), synced: false },
  { where: 'in an index function', options: (stop) => ({ indexers: { stop: () => after(stop, []) } }), synced: true },
  { where: 'in a handler, within the list', handler: (stop) => ({ onAdd: stop }), synced: true },
  { where: 'in a handler, later', handler: (stop) => ({ onUpdate: stop }), synced: true },
  {
    where: 'in the watch error handler',
    options: (stop) => ({ watchList: false, onWatchError: stop }),
    act({ server }) {
      server.faults.push(newInternalError('broken'));
    },
    synced: false,
  },
  {
    where: 'while it waits to try again',
    options: () => ({ watchList: false }),
    async act({ server, stop, runtime }) {
      server.faults.push(newInternalError('broken'));
      await runtime.advance(300);
      stop();
    },
    synced: false,
  },
  { where: 'in a resync', options: () => ({ resyncPeriodMs: 1000 }), handler: (stop) => ({ onUpdate: stop }), synced: true },
];

describe('an informer that is stopped', () => {
  for (const { where, options, handler, act, synced } of cases) {
    test(`${where}: ends, tells nothing more and leaves nothing behind`, async () => {
      for (let seed = 1; seed <= 5; seed++) {
        const runtime = new SimRuntime({ seed, strategy: uniform() });
        const server = new TellingServer(runtime.process('server'));
        for (const name of ['a', 'b', 'c']) server.set(name);
        const process = runtime.process('component');
        const listWatch = configMapsOf(process, server);
        const controller = new AbortController();
        let told = 0;
        const stop = (): void => controller.abort(new Error('enough'));
        const informer = new SharedIndexInformer<KubeObject>({ process, name: 'configmaps', listWatch, ...options?.(stop) });
        const registration = informer.addEventHandler({ onAdd: () => told++, onUpdate: () => told++, onDelete: () => told++ });
        const slow = informer.addEventHandler({ onAdd: () => process.clock.sleep(5) });
        const own = informer.addEventHandler(handler?.(stop) ?? {});
        const ended = process.spawn('informer', () => informer.run(controller.signal)).done;
        const outcomes = Promise.allSettled([informer.whenSynced(), registration.whenSynced(), slow.whenSynced(), own.whenSynced()]);
        await act?.({ server, runtime, stop });
        await runtime.advance(500);
        server.set('a');
        await runtime.advance(1_500);
        await runtime.drive(ended);
        const toldAtStop = told;
        assert.equal(controller.signal.aborted, true, 'the case has come about');
        assert.equal(informer.isStopped, true);
        assert.equal(informer.hasSynced(), synced);
        assert.equal((await runtime.drive(outcomes))[0].status, synced ? 'fulfilled' : 'rejected');
        const requests = server.requests.length;
        server.set('b');
        server.delete('c');
        await runtime.advance(3_600_000);
        assert.equal(told, toldAtStop);
        assert.equal(server.requests.length, requests);
        assert.equal(server.watchers, 0);
        assert.throws(() => informer.addEventHandler({}), /has stopped/);
      }
    });
  }
});
