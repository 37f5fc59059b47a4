import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import type { HttpAnswer } from '../transport/http-server.ts';
import { ConversionWebhook, type KindConversion } from './conversion-webhook.ts';

type Fields = KubeObject & { readonly spec: Readonly<Record<string, unknown>> };
const spec = (object: Frozen<KubeObject>, of: (spec: Fields['spec']) => object): KubeObject =>
  ({ ...object, spec: of((object as Fields).spec) }) as KubeObject; // the objects below have one

/** v2, the hub, has `size`; v1 has `width`, and v3 has `big`. */
const ships: KindConversion = {
  group: 'example.com',
  kind: 'Ship',
  hub: 'v2',
  spokes: {
    v1: {
      toHub: (object) => spec(object, ({ width }) => ({ size: width })),
      fromHub: (object) => spec(object, ({ size }) => ({ width: size })),
    },
    v3: {
      toHub: (object) => spec(object, ({ big }) => ({ size: big === true ? 9 : 1 })),
      fromHub: (object) => ({
        ...spec(object, ({ size }) => ({ big: Number(size) > 4 })),
        metadata: { name: 'other', annotations: { 'example.com/size': String((object as Fields).spec['size']) } },
      }),
    },
    broken: { toHub: () => assert.fail('impossible'), fromHub: () => Promise.reject(new Error('later')) as never },
  },
};

const ship = (version: string, of: object): object => ({
  apiVersion: `example.com/${version}`,
  kind: 'Ship',
  metadata: { name: 'a', uid: 'u', labels: { x: 'y' } },
  spec: of,
});

async function post(body: string | undefined): Promise<HttpAnswer> {
  const webhook = new ConversionWebhook(new SimRuntime().process('webhook'));
  webhook.add(ships);
  const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
  return webhook.answer({ contentType: 'application/json', body: bytes, signal: new AbortController().signal });
}

async function convert(
  desiredAPIVersion: string,
  ...objects: readonly unknown[]
): Promise<{ readonly convertedObjects: readonly object[]; readonly result: { readonly status: string; readonly message?: string } }> {
  const review = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', request: { uid: 'u-1', desiredAPIVersion, objects } };
  const { status, body } = await post(JSON.stringify(review));
  const answer = JSON.parse(body) as {
    readonly apiVersion: string;
    readonly kind: string;
    readonly response: Awaited<ReturnType<typeof convert>> & { readonly uid: string };
  };
  assert.deepEqual(
    [status, answer.apiVersion, answer.kind, answer.response.uid],
    [200, 'apiextensions.k8s.io/v1', 'ConversionReview', 'u-1'],
  );
  return answer.response;
}

describe('ConversionWebhook', () => {
  test('converts to the hub, from it, and by way of it, in order', async () => {
    const toHub = await convert('example.com/v2', ship('v1', { width: 3 }), ship('v3', { big: true }));
    assert.deepEqual(toHub.convertedObjects, [ship('v2', { size: 3 }), ship('v2', { size: 9 })]);
    assert.equal(toHub.result.status, 'Success');
    const fromHub = await convert('example.com/v1', ship('v2', { size: 3 }), ship('v3', { big: false }));
    assert.deepEqual(fromHub.convertedObjects, [ship('v1', { width: 3 }), ship('v1', { width: 1 })]);
    assert.deepEqual((await convert('example.com/v2')).convertedObjects, []);
  });

  test('keeps metadata, but for labels and annotations', async () => {
    const [object] = (await convert('example.com/v3', ship('v1', { width: 5 }))).convertedObjects;
    assert.deepEqual((object as KubeObject).metadata, { name: 'a', uid: 'u', annotations: { 'example.com/size': '5' } });
  });

  for (const { name, desired, object, message } of [
    { name: 'its own version', desired: 'example.com/v1', object: ship('v1', {}), message: /not allowed between same type/ },
    {
      name: 'a kind that nobody converts',
      desired: 'example.com/v2',
      object: { ...ship('v1', {}), kind: 'Boat' },
      message: /no conversion of that kind/,
    },
    { name: 'another group', desired: 'other.com/v2', object: ship('v1', {}), message: /another group/ },
    { name: 'a version that is not there', desired: 'example.com/v9', object: ship('v1', {}), message: /no such version/ },
    {
      name: 'a version named as a member of every object',
      desired: 'example.com/toString',
      object: ship('v1', {}),
      message: /no such version/,
    },
    { name: 'what is no object', desired: 'example.com/v2', object: 7, message: /no object/ },
    {
      name: 'what a bug stops',
      desired: 'example.com/v2',
      object: ship('broken', {}),
      message: /^internal error occurred during conversion$/,
    },
  ]) {
    test(`fails for ${name}, all together`, async () => {
      const { convertedObjects, result } = await convert(desired, ship('v3', { big: true }), object);
      assert.deepEqual([convertedObjects, result.status], [[], 'Failure']);
      assert.match(result.message ?? '', message);
    });
  }

  test('what is no review is refused without a body', async () => {
    for (const body of ['', '{', '[]', '{}', '{"request":null}'])
      assert.deepEqual(await post(body), { status: 400, headers: {}, body: '' });
    assert.equal((await post(undefined)).status, 413);
  });

  test('answers v1beta1 as v1beta1', async () => {
    const { body } = await post('{"apiVersion":"apiextensions.k8s.io/v1beta1","kind":"ConversionReview","request":{"uid":"x"}}');
    assert.equal((JSON.parse(body) as { apiVersion: string }).apiVersion, 'apiextensions.k8s.io/v1beta1');
  });

  test('refuses a second conversion of a kind, and a hub that is a spoke', () => {
    const webhook = new ConversionWebhook(new SimRuntime().process('webhook'));
    webhook.add(ships);
    assert.throws(() => webhook.add(ships), RangeError);
    assert.throws(() => webhook.add({ ...ships, kind: 'Boat', hub: 'v1' }), /its hub "v1" is a spoke/);
  });
});
