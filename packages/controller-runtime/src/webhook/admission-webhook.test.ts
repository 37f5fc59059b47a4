import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyJsonPatch, type KubeObject, newInvalid } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { type AdmissionHandler, allowed, mutating, validating } from './admission.ts';
import { AdmissionWebhook } from './admission-webhook.ts';

const signal = new AbortController().signal;

interface Answered {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status: { readonly code: number; readonly message?: string; readonly reason?: string };
    readonly patch?: string;
    readonly patchType?: string;
    readonly warnings?: readonly string[];
  };
}

async function ask(handler: AdmissionHandler, body: unknown, contentType = 'application/json'): Promise<Answered> {
  const webhook = new AdmissionWebhook(new SimRuntime().process('webhook'), handler);
  const bytes =
    body instanceof Uint8Array || body === undefined
      ? body
      : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
  const answer = await webhook.answer({ contentType, body: bytes, signal });
  assert.equal(answer.status, 200);
  return JSON.parse(answer.body) as Answered;
}

const foo = (spec: object): KubeObject => ({ metadata: { name: 'a', namespace: 'b' }, spec }) as KubeObject; // with more than is common

const review = (request: object, apiVersion = 'admission.k8s.io/v1'): object => ({
  apiVersion,
  kind: 'AdmissionReview',
  request: { uid: 'u-1', operation: 'CREATE', userInfo: { username: 'me' }, object: foo({ size: 1 }), ...request },
});

const never = (): never => assert.fail('the handler was asked');

describe('AdmissionWebhook', () => {
  for (const { name, body, contentType, code, message } of [
    { name: 'an empty body', body: '', code: 400, message: /^request body is empty$/ },
    {
      name: 'a body that was too long to read',
      body: undefined,
      code: 413,
      message: /^request entity is too large; limit is 7340032 bytes$/,
    },
    { name: 'a body of just the limit', body: new Uint8Array(7 * 1024 * 1024), code: 413, message: /too large/ },
    {
      name: 'another content type',
      body: review({}),
      contentType: 'application/yaml',
      code: 400,
      message: /^contentType=application\/yaml, expected application\/json$/,
    },
    {
      name: 'a content type with parameters',
      body: review({}),
      contentType: 'application/json; charset=utf-8',
      code: 400,
      message: /^contentType=/,
    },
    { name: 'no JSON', body: '{"a":', code: 400, message: /json parse error: unexpected end of JSON input$/ },
    { name: 'no object', body: '[]', code: 400, message: /no object/ },
    { name: 'another kind', body: { apiVersion: 'v1', kind: 'Pod' }, code: 400, message: /kind "Pod" of "v1": it is no AdmissionReview$/ },
    { name: 'no request', body: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }, code: 400, message: /has no request/ },
  ] as const) {
    test(`refuses ${name}`, async () => {
      const { response, ...rest } = await ask(never, body, contentType);
      assert.deepEqual([response.uid, response.allowed, response.status.code], ['', false, code]);
      assert.match(response.status.message ?? '', message);
      assert.deepEqual(rest, {});
    });
  }

  test('answers in the version of the question, with its uid, for v1 and v1beta1', async () => {
    for (const apiVersion of ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']) {
      const answer = await ask(() => allowed(), review({}, apiVersion));
      assert.deepEqual(answer, {
        kind: 'AdmissionReview',
        apiVersion,
        response: { uid: 'u-1', allowed: true, status: { metadata: {}, code: 200 } },
      });
    }
    assert.equal((await ask(() => allowed(), { request: { uid: 'u-2' } })).apiVersion, 'admission.k8s.io/v1');
  });

  test('a handler that throws is an internal error', async () => {
    const { response } = await ask(({ warn }) => {
      warn('before');
      throw new TypeError('x is no function');
    }, review({}));
    assert.deepEqual([response.uid, response.allowed, response.status.code], ['u-1', false, 500]);
    assert.equal(response.status.message, 'panic: x is no function [recovered]');
    assert.deepEqual(response.warnings, ['before']);
  });
});

describe('validating', () => {
  const sized = validating<KubeObject & { readonly spec: { readonly size: number } }>({
    create({ spec }, { warn }) {
      if (spec.size > 3) warn('that is large');
      if (spec.size > 9) throw new Error('too large');
    },
    update(old, object) {
      if (object.spec.size < old.spec.size) throw newInvalid({ group: 'example.com', kind: 'Foo' }, 'a', []);
    },
    async delete({ spec }) {
      if (spec.size > 1) throw new Error('still in use');
    },
  });

  test('refuses what throws, with the warnings', async () => {
    assert.equal((await ask(sized, review({}))).response.allowed, true);
    const large = await ask(sized, review({ object: foo({ size: 4 }) }));
    assert.deepEqual([large.response.allowed, large.response.warnings], [true, ['that is large']]);
    const { response } = await ask(sized, review({ object: foo({ size: 10 }) }));
    assert.deepEqual(response.status, { metadata: {}, code: 403, reason: 'Forbidden', message: 'too large' });
    assert.deepEqual([response.allowed, response.warnings], [false, ['that is large']]);
  });

  test('refuses with a Status of its own, and looks at the old object', async () => {
    const { response } = await ask(sized, review({ operation: 'UPDATE', oldObject: foo({ size: 2 }) }));
    assert.deepEqual([response.allowed, response.status.code, response.status.reason], [false, 422, 'Invalid']);
    const deletion = { operation: 'DELETE', object: null, oldObject: foo({ size: 2 }) };
    assert.equal((await ask(sized, review(deletion))).response.status.message, 'still in use');
    assert.equal((await ask(sized, review({ ...deletion, oldObject: foo({ size: 1 }) }))).response.allowed, true);
  });

  test('lets CONNECT through, and refuses other operations and missing objects', async () => {
    assert.equal((await ask(sized, review({ operation: 'CONNECT' }))).response.allowed, true);
    const unknown = await ask(sized, review({ operation: 'PEEK' }));
    assert.deepEqual(unknown.response.status, { metadata: {}, code: 400, message: 'unknown operation "PEEK"' });
    for (const request of [{ object: null }, { operation: 'UPDATE' }, { operation: 'DELETE' }]) {
      assert.equal((await ask(sized, review(request))).response.status.message, 'there is no content to decode');
    }
  });

  test('a validator without a check of an operation lets it through', async () => {
    assert.equal((await ask(validating({}), review({ operation: 'UPDATE', oldObject: foo({}) }))).response.allowed, true);
  });
});

describe('mutating', () => {
  const labelled = mutating<KubeObject>((object) => ({ ...object, metadata: { ...object.metadata, labels: { app: 'x' } } }));

  test('answers with the patch that makes the changed object', async () => {
    const object = foo({ size: 1 });
    const { response } = await ask(labelled, review({ object }));
    assert.deepEqual([response.allowed, response.patchType], [true, 'JSONPatch']);
    const patch: unknown = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString());
    assert.deepEqual(patch, [{ op: 'add', path: '/metadata/labels', value: { app: 'x' } }]);
    assert.deepEqual(applyJsonPatch(object, patch), { ...object, metadata: { ...object.metadata, labels: { app: 'x' } } });
  });

  test('has no patch for what it does not change, and for a DELETE', async () => {
    const same = await ask(
      mutating((object) => object),
      review({}),
    );
    assert.deepEqual(Object.keys(same.response).sort(), ['allowed', 'status', 'uid']);
    const deletion = await ask(labelled, review({ operation: 'DELETE', object: null, oldObject: foo({}) }));
    assert.deepEqual([deletion.response.allowed, deletion.response.patch], [true, undefined]);
  });

  test('refuses as a validator does, and what it was not given', async () => {
    const refusing = mutating(() => Promise.reject(new Error('no default for this')));
    assert.equal((await ask(refusing, review({}))).response.status.message, 'no default for this');
    assert.equal((await ask(labelled, review({ object: null }))).response.status.code, 400);
  });

  test('integers beyond 2^53 come back as they were', async () => {
    const text = JSON.stringify(review({ object: foo({ size: 0 }) })).replace('"size":0', '"size":9007199254740993');
    const moving = mutating<KubeObject>((object) => ({ ...object, moved: (object as { spec?: unknown }).spec }) as KubeObject); // with more
    const { response } = await ask(moving, text);
    assert.match(Buffer.from(response.patch ?? '', 'base64').toString(), /9007199254740993/);
  });
});
