import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { type CertificatePair, CertificateWatcher } from './certificate-watcher.ts';

test('CertificateWatcher takes over what was replaced, and keeps the last that it could use', async () => {
  const logged: string[] = [];
  const runtime = new SimRuntime({ log: ({ level, message }) => (level === 'error' ? logged.push(message) : undefined) });
  const process = runtime.process('webhook');
  const used: string[] = [];
  let files: CertificatePair | undefined = { certificate: 'one', key: 'one' };
  const watcher = new CertificateWatcher({
    process,
    async read() {
      if (files === undefined) throw new Error('no such file');
      return files;
    },
    use({ certificate, key }) {
      if (certificate !== key) throw new Error('key values mismatch');
      used.push(certificate);
    },
  });
  await runtime.drive(watcher.load());
  assert.match(process.metrics.text(), /^certwatcher_read_certificate_errors_total 0$/m);
  const stop = new AbortController();
  process.spawn('certificates', () => watcher.run(stop.signal));
  await runtime.advance(25_000);
  assert.deepEqual(used, ['one']); // looked at, and not used again
  files = { certificate: 'two', key: 'one' }; // half written
  await runtime.advance(10_000);
  files = undefined;
  await runtime.advance(10_000);
  assert.deepEqual([used, logged.length], [['one'], 2]);
  files = { certificate: 'two', key: 'two' };
  await runtime.advance(10_000);
  assert.deepEqual(used, ['one', 'two']);
  assert.match(process.metrics.text(), /^certwatcher_read_certificate_errors_total 2$/m);
  stop.abort();
  await runtime.settle();
  const failing = new CertificateWatcher({ process, read: () => Promise.reject(new Error('no such file')), use: () => undefined });
  await assert.rejects(runtime.drive(failing.load()), /no such file/);
});
