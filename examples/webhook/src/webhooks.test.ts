import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyJsonPatch } from '@coracle/apimachinery';
import { WebhookServer } from '@coracle/controller-runtime';
import { SimRuntime } from '@coracle/simulator';
import { configurationOf } from './configuration.ts';
import { addWebhooks, protectedAnnotation } from './webhooks.ts';

const server = new WebhookServer({ process: new SimRuntime().process('webhook'), certificateFile: '', keyFile: '' });
const paths = addWebhooks(server);

async function post(path: string, review: object): Promise<Readonly<Record<string, unknown>>> {
  const body = new TextEncoder().encode(JSON.stringify(review));
  const answer = await server.answer(path, { contentType: 'application/json', body, signal: new AbortController().signal });
  assert.equal(answer.status, 200);
  return (JSON.parse(answer.body) as { readonly response: Readonly<Record<string, unknown>> }).response;
}

const admit = (path: string, request: object): ReturnType<typeof post> =>
  post(path, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', ...request } });

const site = (spec: object, annotations = {}): object => ({
  apiVersion: 'web.example.com/v1',
  kind: 'Website',
  metadata: { name: 'a', annotations },
  spec,
});

describe('the webhooks of Websites', () => {
  test('fill in what is absent', async () => {
    const object = site({ host: 'a.example.com', pages: 3 });
    const { patch } = await admit(paths.mutate, { operation: 'CREATE', object });
    const patched = applyJsonPatch(object, JSON.parse(Buffer.from(String(patch), 'base64').toString()));
    assert.deepEqual(patched, site({ host: 'a.example.com', pages: 3, scheme: 'https' }));
  });

  for (const { name, request, message } of [
    { name: 'a good host', request: { operation: 'CREATE', object: site({ host: 'a.example.com' }) }, message: undefined },
    { name: 'a bad host', request: { operation: 'CREATE', object: site({ host: 'a b' }) }, message: '"a b" is no host name' },
    {
      name: 'another host',
      request: { operation: 'UPDATE', object: site({ host: 'b.example.com' }), oldObject: site({ host: 'a.example.com' }) },
      message: 'a site keeps its host: make a new one',
    },
    {
      name: 'the end of a protected site',
      request: { operation: 'DELETE', oldObject: site({ host: 'a.example.com' }, { [protectedAnnotation]: '' }) },
      message: 'it is protected by "web.example.com/protected"',
    },
  ]) {
    test(`${message === undefined ? 'let' : 'do not let'} ${name} through`, async () => {
      const { allowed, status } = await admit(paths.validate, request);
      assert.deepEqual([allowed, (status as { message?: string }).message], [message === undefined, message]);
    });
  }

  test('warn of http', async () => {
    const { warnings } = await admit(paths.validate, { operation: 'CREATE', object: site({ host: 'a.example.com', scheme: 'http' }) });
    assert.deepEqual(warnings, ['everybody on the way can read what is sent over http']);
  });

  test('convert to v1beta1 and back without a loss', async () => {
    const convert = async (objects: readonly unknown[], version: string): Promise<readonly unknown[]> => {
      const request = { uid: 'u', desiredAPIVersion: `web.example.com/${version}`, objects };
      const { convertedObjects } = await post(paths.convert, { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', request });
      return convertedObjects as readonly unknown[]; // the assertions below look at them
    };
    const objects = [site({ host: 'a.example.com', scheme: 'http', pages: 2 }), site({ host: 'b.example.com' })];
    const beta = await convert(objects, 'v1beta1');
    assert.deepEqual(
      beta.map((object) => (object as { spec: unknown }).spec),
      [{ address: 'http://a.example.com', pages: 2 }, { address: 'b.example.com' }],
    );
    assert.deepEqual(await convert(beta, 'v1'), objects);
  });

  test('are found where the configuration says', () => {
    const { crd, mutating, validating } = configurationOf({ url: 'https://10.0.0.7:9443', authority: 'PEM', paths });
    assert.equal(crd.spec.conversion?.webhook?.clientConfig?.url, 'https://10.0.0.7:9443/convert');
    assert.deepEqual(
      [mutating, validating].map(({ webhooks = [] }) => webhooks[0]?.clientConfig.url),
      ['https://10.0.0.7:9443/mutate-web-example-com-v1-website', 'https://10.0.0.7:9443/validate-web-example-com-v1-website'],
    );
  });
});
