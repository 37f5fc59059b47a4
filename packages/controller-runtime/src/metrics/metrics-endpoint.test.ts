import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Clientset } from '@coracle/client';
import { type Transport, TransportError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { Manager, type ManagerOptions } from '../manager/manager.ts';
import type { HttpHandler, HttpRequest } from '../transport/http-server.ts';
import type { MetricsOptions } from './metrics-endpoint.ts';

const noServer: Transport = {
  exchange: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
  upgrade: () => Promise.reject(new TransportError('There is no server', { executed: 'no' })),
};

function managerWith(
  metrics: Omit<MetricsOptions, 'port'> | undefined,
  options: Partial<ManagerOptions> = {},
): {
  readonly manager: Manager;
  readonly warned: string[];
} {
  const warned: string[] = [];
  const runtime = new SimRuntime({ log: ({ level, message }) => (level === 'warn' ? warned.push(message) : 0) });
  const process = runtime.process('operator');
  const clientset = new Clientset({ process, transport: noServer });
  const served = metrics === undefined ? {} : { metrics: { port: 0, ...metrics } };
  return { manager: new Manager({ process, clientset, name: 'operator', ...served, ...options }), warned };
}

const request = (path: string): HttpRequest => ({
  method: 'GET',
  url: new URL(path, 'http://localhost'),
  headers: {},
  signal: new AbortController().signal,
});

const saying =
  (text: string): HttpHandler =>
  async () => ({ status: 200, headers: {}, body: text });

describe('What a manager serves beside its metrics', () => {
  test('a path is served alone, or with all below it when it ends in a slash; the longest counts', async () => {
    const { manager } = managerWith({ extraHandlers: { '/debug': saying('alone'), '/debug/': saying('below') } });
    manager.addMetricsServerExtraHandler('/debug/deep/', saying('deep'));
    const of = async (path: string): Promise<string> => {
      const { status, body } = await manager.answerMetrics(request(path));
      return `${status} ${String(body)}`;
    };
    assert.equal(await of('/debug'), '200 alone');
    assert.equal(await of('/debug/'), '200 below');
    assert.equal(await of('/debug/a/b?c=d'), '200 below');
    assert.equal(await of('/debug/deep/x'), '200 deep');
    assert.equal(await of('/debug/deep/../x'), '200 below');
    assert.equal(await of('/debugger'), '404 404 page not found\n');
    assert.equal(await of('/metrics/'), '404 404 page not found\n');
  });

  for (const { accepted, encoding } of [
    { accepted: 'gzip', encoding: 'gzip' },
    { accepted: 'deflate, GZIP;q=0.5', encoding: 'gzip' },
    { accepted: 'zstd , gzip ; q=1.0', encoding: 'gzip' },
    { accepted: 'gzip;q=0', encoding: undefined },
    { accepted: 'gzip;q=0.000, deflate', encoding: undefined },
    { accepted: 'gzipped', encoding: undefined },
    { accepted: '*', encoding: undefined },
    { accepted: '', encoding: undefined },
  ]) {
    test(`metrics are ${encoding === undefined ? 'sent as they are' : 'compressed'} for "${accepted}"`, async () => {
      const { manager } = managerWith({});
      manager.process.metrics.counter({ name: 'counted_total', help: 'x' }).add(1);
      const { headers, body } = await manager.answerMetrics({ ...request('/metrics'), headers: { 'accept-encoding': accepted } });
      assert.equal(headers['content-encoding'], encoding);
      const text = typeof body === 'string' ? body : gunzipSync(body).toString();
      assert.match(text, /^counted_total 1$/m);
      assert.equal(typeof body === 'string', encoding === undefined);
    });
  }

  test('a filter stands before all of it, and before nothing else', async () => {
    const filtered: string[] = [];
    const { manager } = managerWith({
      extraHandlers: { '/debug': saying('extra') },
      filterProvider: () => async (asked, next) => {
        filtered.push(asked.url.pathname);
        return next(asked);
      },
    });
    for (const path of ['/metrics', '/debug', '/none']) await manager.answerMetrics(request(path));
    assert.deepEqual(filtered, ['/metrics', '/debug']);
  });

  test('refuses a path that is taken, that of the metrics, and what is no path', () => {
    assert.throws(
      () => managerWith({ extraHandlers: { '/metrics': saying('mine') } }),
      /^RangeError: overriding builtin \/metrics endpoint is not allowed$/,
    );
    const { manager } = managerWith({ extraHandlers: { '/debug': saying('first') } });
    assert.throws(
      () => manager.addMetricsServerExtraHandler('/debug', saying('second')),
      /^RangeError: can't register extra handler by duplicate path "\/debug" on metrics http server$/,
    );
    assert.throws(() => manager.addMetricsServerExtraHandler('debug', saying('third')), /a path begins with/);
  });

  test('says in the log when metrics are not served, and refuses once the manager runs', async () => {
    const { manager, warned } = managerWith(undefined);
    manager.addMetricsServerExtraHandler('/debug', saying('nobody hears it'));
    assert.deepEqual(warned, ['Metrics are not served, nor is what is added to them']);
    const stop = new AbortController();
    const running = manager.run(stop.signal);
    assert.throws(() => manager.addMetricsServerExtraHandler('/late', saying('late')), /endpoint has already been created$/);
    stop.abort();
    await running;
  });
});
