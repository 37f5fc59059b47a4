import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../contract/api-server.fixture.ts';
import { Clientset } from '../kubernetes/clientset.ts';

test('WriteOptions.fieldValidation reaches the server, at creates, updates and patches', async () => {
  const runtime = new SimRuntime();
  const server = new TestApiServer(runtime);
  await runtime.drive(server.start());
  const process = runtime.process('client');
  const maps = new Clientset({ process, transport: server.connect(process) }).coreV1.configMaps('default');
  const misspelt = { metadata: { name: 'a' }, date: {} };
  const refused = (work: Promise<unknown>): Promise<void> =>
    assert.rejects(runtime.drive(work), /strict decoding error: unknown field "date"/);

  await refused(maps.create(misspelt, { fieldValidation: 'Strict' }));
  const made = await runtime.drive(maps.create(misspelt, { fieldValidation: 'Ignore' }));
  await refused(maps.update({ ...made, ...misspelt }, { fieldValidation: 'Strict' }));
  await refused(maps.patch('a', 'merge', { date: {} }, { fieldValidation: 'Strict' }));
  assert.ok(await runtime.drive(maps.patch('a', 'merge', { date: {} }, { fieldValidation: 'Warn' })));
  const wrong = { fieldValidation: 'strict' } as const;
  // @ts-expect-error a word that the server does not know
  await assert.rejects(runtime.drive(maps.create(misspelt, wrong)), /fieldValidation/);
});
