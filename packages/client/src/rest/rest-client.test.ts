import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isConflict,
  isInternalError,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
  type StatusError,
  TransportError,
} from '@coracle/apimachinery';
import { type Process, TimeoutError } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { answered, lostConnection, scripted, type ScriptedTransport, type Step, textAnswer } from './fixtures/scripted-transport.ts';
import { type ClientOptions, RestClient } from './rest-client.ts';
import { nextTry, withPreviousError } from './retry.ts';

interface Setting {
  readonly runtime: SimRuntime;
  readonly process: Process;
  readonly transport: ScriptedTransport;
  readonly rest: RestClient;
}

function over(steps: readonly Step[], options: Partial<ClientOptions> = {}): Setting {
  const runtime = new SimRuntime({ seed: 1 });
  const process = runtime.process('test');
  const transport = scripted(...steps);
  return { runtime, process, transport, rest: new RestClient({ process, transport, ...options }) };
}

const busy = (seconds: string, status = 429): Step =>
  answered(
    status,
    { kind: 'Status', status: 'Failure', code: status, message: 'busy', reason: 'TooManyRequests' },
    { 'retry-after': seconds },
  );

describe('RestClient, answers', () => {
  test('names the client and asks for JSON', async () => {
    const { runtime, rest, transport } = over([answered(200)]);
    await runtime.drive(rest.get().absPath('/x').do());
    assert.deepEqual(transport.asked[0]?.headers, { accept: 'application/json', 'user-agent': 'coracle/test' });
  });

  test('answer() tells status, headers and warnings; doRaw() the bytes', async () => {
    const told: string[] = [];
    const { runtime, rest } = over([answered(201, { a: 1 }, { warning: '299 - "old"', 'audit-id': 'x' })], {
      warningHandler: ({ text }) => told.push(text),
    });
    const answer = await runtime.drive(rest.post().absPath('/x').answer());
    assert.deepEqual(
      [answer.status, answer.headers['audit-id'], answer.warnings, answer.value, told],
      [201, 'x', [{ code: 299, agent: '-', text: 'old' }], { a: 1 }, ['old']],
    );
    assert.equal(new TextDecoder().decode(await runtime.drive(rest.get().absPath('/x').doRaw())), '{"a":1}');
  });

  test('an empty answer is undefined, and what is no JSON is its text', async () => {
    const { runtime, rest } = over([textAnswer(200, '', 'application/json'), textAnswer(200, 'ok', 'text/plain')]);
    assert.equal(await runtime.drive(rest.get().absPath('/x').do()), undefined);
    assert.equal(await runtime.drive(rest.get().absPath('/x').do()), 'ok');
  });

  const refusals: readonly {
    readonly name: string;
    readonly in: Step;
    readonly is: (error: unknown) => boolean;
    readonly message: string;
  }[] = [
    {
      name: 'the server’s Status',
      in: answered(409, { kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409, message: 'changed' }),
      is: isConflict,
      message: 'changed',
    },
    {
      name: 'a page of a proxy',
      in: textAnswer(404, '<p>no</p>', 'text/html'),
      is: isNotFound,
      message: 'the server could not find the requested resource (get pods a)',
    },
    {
      name: '401 with a word',
      in: textAnswer(401, 'Unauthorized', 'text/plain'),
      is: isUnauthorized,
      message: 'the server has asked for the client to provide credentials (get pods a)',
    },
    {
      name: '500 with a reason',
      in: textAnswer(500, 'etcd is away', 'text/plain'),
      is: isInternalError,
      message: 'an error on the server ("etcd is away") has prevented the request from succeeding (get pods a)',
    },
    {
      name: '429 without a time',
      in: textAnswer(429, 'slow down', 'text/plain'),
      is: isTooManyRequests,
      message: 'the server has received too many requests and has asked us to try again later (get pods a)',
    },
    {
      name: 'JSON that is none',
      in: textAnswer(404, '{', 'application/json'),
      is: isNotFound,
      message: 'the server could not find the requested resource (get pods a)',
    },
  ];
  for (const { name, in: step, is, message } of refusals) {
    test(`a refusal by ${name}`, async () => {
      const { runtime, rest } = over([step]);
      await assert.rejects(
        runtime.drive(rest.get().groupVersion('', 'v1').namespace('n').resource('pods').name('a').do()),
        (error) => is(error) && (error as Error).message === message,
      );
    });
  }

  test('the text of the server stays among the causes', async () => {
    const { runtime, rest } = over([textAnswer(403, 'by policy', 'text/plain')]);
    await assert.rejects(
      runtime.drive(rest.get().absPath('/x').do()),
      (error: StatusError) => error.status.details?.causes?.[0]?.message === 'by policy',
    );
  });
});

describe('RestClient, tries', () => {
  for (const [name, step] of [
    ['429', busy('2')],
    ['503', busy('2', 503)],
    ['500', busy('2', 500)],
  ] as const) {
    test(`${name} with Retry-After is sent again after it`, async () => {
      const { runtime, process, rest, transport } = over([step, step, answered(200)]);
      const start = process.clock.monotonic();
      await runtime.drive(rest.post().absPath('/x').do());
      assert.deepEqual([transport.asked.length, process.clock.monotonic() - start], [3, 4_000]);
    });
  }

  test('ten more times, or as often as the request says', async () => {
    for (const [retries, want] of [
      [undefined, 11],
      [0, 1],
      [1, 2],
      [5, 6],
      [-1, 1],
    ] as const) {
      const { runtime, rest, transport } = over([busy('0')]);
      const request = rest.get().absPath('/x');
      if (retries !== undefined) request.maxRetries(retries);
      await assert.rejects(runtime.drive(request.do()), { message: 'busy' });
      assert.equal(transport.asked.length, want);
    }
  });

  test('429 and 5xx without a time, and 3xx with one, are final', async () => {
    for (const step of [
      answered(429),
      answered(503),
      answered(302, {}, { 'retry-after': '1' }),
      answered(404, {}, { 'retry-after': '1' }),
      answered(503, {}, { 'retry-after': 'soon' }),
    ]) {
      const { runtime, rest, transport } = over([step]);
      await assert.rejects(runtime.drive(rest.get().absPath('/x').do()));
      assert.equal(transport.asked.length, 1);
    }
  });

  test('a lost connection: GET is sent again a second later, a write is not', async () => {
    const { runtime, process, rest, transport } = over([lostConnection(), answered(200)]);
    await runtime.drive(rest.get().absPath('/x').do());
    assert.deepEqual([transport.asked.length, process.clock.monotonic()], [2, 1_000]);
    for (const verb of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const write = over([lostConnection(), answered(200)]);
      await assert.rejects(write.runtime.drive(write.rest.verb(verb).absPath('/x').do()), TransportError);
      assert.equal(write.transport.asked.length, 1);
    }
  });

  test('a refused connection is final', async () => {
    const { runtime, rest, transport } = over([new TransportError('refused', { executed: 'no' })]);
    await assert.rejects(runtime.drive(rest.get().absPath('/x').do()), { message: 'refused' });
    assert.equal(transport.asked.length, 1);
  });

  test('bytes and objects are sent again as they were, a stream is not', () => {
    const question = {
      purpose: 'answer',
      method: 'PUT',
      attempts: 1,
      maxRetries: 10,
      outcome: { response: answered(429, {}, { 'retry-after': '3' }) },
    } as const;
    assert.equal(nextTry({ ...question, isBodyStreamed: false })?.waitMs, 3_000);
    assert.equal(nextTry({ ...question, isBodyStreamed: true }), undefined);
    assert.equal(nextTry({ ...question, isBodyStreamed: false, attempts: 11 }), undefined);
  });

  test('the last fault names the one before it, if it was another', async () => {
    const { runtime, rest } = over([lostConnection('one'), new TransportError('refused', { executed: 'no' })]);
    await assert.rejects(runtime.drive(rest.get().absPath('/x').do()), {
      message: 'refused - error from a previous attempt: No answer: one',
    });
    const same = over([lostConnection('one')]);
    await assert.rejects(same.runtime.drive(same.rest.get().absPath('/x').maxRetries(2).do()), { message: 'No answer: one' });
    const reason = new Error('enough');
    assert.equal(withPreviousError(reason, new Error('x')), reason, 'the reason of an abort is the caller’s');
  });

  test('a watch goes through what is lost, and in the end is one without events', async () => {
    const { runtime, rest, transport } = over([lostConnection()]);
    const events = await runtime.drive(rest.get().absPath('/x').maxRetries(2).watch());
    assert.equal(transport.asked.length, 3);
    assert.deepEqual(await runtime.drive(events[Symbol.asyncIterator]().next()), { value: undefined, done: true });
    const refused = over([busy('0')]);
    await assert.rejects(refused.runtime.drive(refused.rest.get().absPath('/x').maxRetries(1).watch()), { message: 'busy' });
    const wrong = over([answered(200)]);
    await assert.rejects(wrong.runtime.drive(wrong.rest.get().absPath('/x').watch()), /no stream of events/);
  });

  test('a stream waits for a busy server and nothing else', async () => {
    const { runtime, rest, transport } = over([busy('0'), textAnswer(200, 'log', 'text/plain')]);
    const chunks = await runtime.drive(rest.get().absPath('/x').stream());
    for await (const chunk of chunks) assert.equal(new TextDecoder().decode(chunk), 'log');
    assert.equal(transport.asked.length, 2);
    const lost = over([lostConnection()]);
    await assert.rejects(lost.runtime.drive(lost.rest.get().absPath('/x').stream()), TransportError);
    assert.equal(lost.transport.asked.length, 1);
  });

  test('an abort ends the waiting with the caller’s reason', async () => {
    const { runtime, rest } = over([busy('100')]);
    const stop = new AbortController();
    const reason = new Error('enough');
    const work = rest.get().absPath('/x').do(stop.signal);
    stop.abort(reason);
    await assert.rejects(runtime.drive(work), (error) => error === reason);
  });

  test('the time of a request is that of all its tries', async () => {
    const { runtime, rest, transport, process } = over([busy('3')], { timeoutMs: 5_000 });
    await assert.rejects(
      runtime.drive(rest.get().absPath('/x').do()),
      (error: Error) => error instanceof TransportError && error.cause instanceof TimeoutError,
    );
    assert.deepEqual([transport.asked.length, process.clock.monotonic()], [2, 5_000]);
  });

  test('tries are counted', async () => {
    const { runtime, rest, process } = over([busy('0'), lostConnection(), answered(200)]);
    await runtime.drive(rest.get().absPath('/x').do());
    const text = process.metrics.text();
    for (const line of [
      'rest_client_requests_total{code="429",method="GET",host=""} 1',
      'rest_client_requests_total{code="<error>",method="GET",host=""} 1',
      'rest_client_requests_total{code="200",method="GET",host=""} 1',
      'rest_client_request_retries_total{code="200",verb="GET",host=""} 1',
    ])
      assert.ok(text.includes(line), line);
  });
});

describe('RestClient, slowed down', () => {
  test('qps and burst bound what goes out, each retry too, and a watch not at all', async () => {
    const { runtime, rest, process } = over([answered(200)], { qps: 5, burst: 2 });
    const ask = (): Promise<unknown> => rest.get().absPath('/x').do();
    await runtime.drive(Promise.all([ask(), ask()]));
    assert.equal(process.clock.monotonic(), 0);
    await runtime.drive(Promise.all([ask(), ask(), ask()]));
    assert.equal(process.clock.monotonic(), 600);
    await runtime.drive(
      rest
        .get()
        .absPath('/x')
        .watch()
        .catch(() => undefined),
    );
    assert.equal(process.clock.monotonic(), 600);
  });

  test('long waits are told, not more than one in ten seconds', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const real = runtime.process('test');
    const lines: string[] = [];
    const keep = (message: string): void => {
      lines.push(message);
    };
    const process: Process = Object.create(real, { log: { value: { debug: () => undefined, info: keep, warn: keep, error: keep } } });
    const rest = new RestClient({ process, transport: scripted(answered(200)), qps: 0.5, burst: 1 });
    await runtime.drive(Promise.all(Array.from({ length: 7 }, () => rest.get().absPath('/x').do())));
    assert.deepEqual(lines, ['Waited before sending request', 'Waited before sending request']);
  });

  test('a request may have a limiter of its own', async () => {
    let asked = 0;
    const { runtime, rest } = over([answered(200)]);
    await runtime.drive(
      rest
        .get()
        .absPath('/x')
        .throttle({ wait: async () => void asked++ })
        .do(),
    );
    assert.equal(asked, 1);
  });
});
