import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LogRecord } from '@coracle/kernel';
import { loggerFor } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { answered, lostConnection, scripted, type Step } from '../rest/fixtures/scripted-transport.ts';
import { debuggingRoundTripper, type RequestDetail } from './debugging-round-tripper.ts';
import type { WireRequest } from './wire-request.ts';

const request: WireRequest = {
  method: 'GET',
  path: '/api/v1/secrets',
  query: [['limit', '5']],
  headers: { accept: 'application/json', authorization: 'Bearer sesame', cookie: 'id=sesame' },
  repeatedHeaders: { 'impersonate-group': ["it's", 'b'] },
};

/** What is logged of one request that takes 30 ms. */
async function lines(detail: RequestDetail | undefined, step: Step, sent = request): Promise<readonly string[]> {
  const runtime = new SimRuntime({ seed: 1 });
  const { clock } = runtime.process('test');
  const records: LogRecord[] = [];
  const log = loggerFor(
    'test',
    () => 0,
    (record) => records.push(record),
  );
  const slow = scripted(step);
  const transport = debuggingRoundTripper(
    { log, clock },
    { ...(detail !== undefined && { detail }), server: 'https://a' },
  )({
    ...slow,
    async exchange(...asked) {
      await clock.sleep(30);
      return slow.exchange(...asked);
    },
  });
  const work = transport.exchange(sent);
  if (step instanceof Error) await assert.rejects(runtime.drive(work), step);
  else assert.equal(await runtime.drive(work), step);
  assert.deepEqual(slow.asked, [sent], 'it goes on as it came');
  return records.map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`);
}

const headers =
  '"headers":{"accept":"application/json","authorization":"Bearer <masked>","cookie":"<masked>","impersonate-group":"it\'s, b"}';
const line = '"method":"GET","path":"/api/v1/secrets?limit=5"';

describe('debuggingRoundTripper', () => {
  test('logs the line of a request and how long its answer took', async () => {
    assert.deepEqual(await lines(undefined, answered(404)), [`debug Response {${line},"milliseconds":30,"status":404}`]);
  });
  test('logs headers, with what is secret masked', async () => {
    const answer = answered(200, {}, { 'content-type': 'application/json', 'set-cookie': 'id=sesame' });
    assert.deepEqual(await lines('headers', answer), [
      `debug Request {${line},${headers}}`,
      `debug Response {${line},"milliseconds":30,"status":200}`,
    ]);
    assert.deepEqual(await lines('all-headers', answer), [
      `debug Request {${line},${headers}}`,
      `debug Response {${line},"milliseconds":30,"status":200,"headers":{"content-type":"application/json","set-cookie":"<masked>"}}`,
    ]);
  });
  test('logs a command for curl, quoted for a shell', async () => {
    const [command = ''] = await lines('curl', answered(200));
    assert.equal(
      (JSON.parse(command.slice('debug curl '.length)) as { command: string }).command,
      "curl -v -XGET -H 'accept: application/json' -H 'authorization: Bearer <masked>' -H 'cookie: <masked>'" +
        " -H 'impersonate-group: it'\\''s' -H 'impersonate-group: b' 'https://a/api/v1/secrets?limit=5'",
    );
  });
  test('logs that no answer came, and hands the error on', async () => {
    assert.deepEqual(await lines('timing', lostConnection()), [
      `debug No response {${line},"milliseconds":30,"error":"No answer: read ECONNRESET"}`,
    ]);
  });
  test('never logs a body', async () => {
    const object = { kind: 'Secret', data: { key: 'c2VzYW1l' } };
    for (const detail of ['timing', 'headers', 'all-headers', 'curl'] as const) {
      const all = await lines(detail, answered(200, object), { ...request, method: 'POST', body: { form: 'object', object } });
      assert.doesNotMatch(all.join(), /c2VzYW1l|sesame/);
    }
  });
  test('logs upgrades', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const { clock } = runtime.process('test');
    const records: LogRecord[] = [];
    const log = loggerFor(
      'test',
      () => 0,
      (record) => records.push(record),
    );
    const transport = debuggingRoundTripper({ log, clock })(scripted());
    await assert.rejects(runtime.drive(transport.upgrade(request)), /no upgrades/);
    assert.deepEqual(
      records.map(({ message, fields }) => [message, fields['error']]),
      [['No response', 'no upgrades']],
    );
  });
});
