import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { adminToken, startWholeServer } from './whole-server.fixture.ts';

/** What a real server lists. It lies beside the repository. */
const facts = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/data/kubernetes-1.37');
const skip = existsSync(join(facts, 'discovery.json')) ? false : 'no recorded facts beside the repository';

/** What we leave out of discovery on purpose, as `group/version/resource`: it answers 404, or 501 for objects that exist. */
const absent: Readonly<Record<string, string>> = {
  '/v1/componentstatuses': 'deprecated since 1.19; nothing here could answer for the components',
  '/v1/nodes/proxy': 'not built',
  '/v1/pods/attach': 'not built',
  '/v1/pods/ephemeralcontainers': 'not built',
  '/v1/pods/exec': 'not built',
  '/v1/pods/portforward': 'not built',
  '/v1/pods/proxy': 'not built',
  '/v1/pods/resize': 'not built',
  '/v1/services/proxy': 'not built',
  'certificates.k8s.io/v1/certificatesigningrequests/approval': 'not built',
};

interface AggregatedResource {
  readonly resource: string;
  readonly subresources?: readonly { readonly subresource: string }[];
}

interface Aggregated {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly { readonly version: string; readonly resources: readonly AggregatedResource[] }[];
  }[];
}

interface LegacyList {
  readonly groupVersion: string;
  readonly resources: readonly { readonly name: string }[];
}

describe('discovery', { skip }, () => {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(facts, file), 'utf8'));
  const ask = async (path: string, accept: string): Promise<unknown> => {
    const whole = await startWholeServer();
    const response = await whole.ask({ method: 'GET', path, query: [], headers: { authorization: `Bearer ${adminToken}`, accept } });
    whole.stop();
    assert.equal(response.status, 200);
    assert.ok('body' in response && response.body.form === 'bytes');
    return JSON.parse(Buffer.from(response.body.bytes).toString());
  };

  for (const root of ['api', 'apis'] as const) {
    test(`aggregated discovery of /${root} is the real server's without what is not built`, async () => {
      const recorded = (read('discovery.json') as Readonly<Record<string, Aggregated>>)[root]; // recorded
      assert.ok(recorded !== undefined);
      const served = (await ask(`/${root}`, 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')) as Aggregated; // as the header asks
      assert.deepEqual(byName(served), byName(recorded, isBuilt));
      assert.deepEqual(
        new Set(served.items.map(({ metadata }) => metadata.name)),
        new Set(recorded.items.map(({ metadata }) => metadata.name)),
      );
    });
  }

  const legacy = skip === false ? (read('discovery-legacy.json') as Readonly<Record<string, LegacyList>>) : {}; // recorded
  for (const [path, recorded] of Object.entries(legacy)) {
    if (recorded.resources === undefined) continue;
    test(`legacy discovery of ${path} is the real server's without what is not built`, async () => {
      const served = (await ask(path, 'application/json')) as LegacyList;
      const group = recorded.groupVersion.includes('/') ? recorded.groupVersion : `/${recorded.groupVersion}`;
      assert.deepEqual(
        served.resources,
        recorded.resources.filter(({ name }) => isBuilt(`${group}/${name}`)),
      );
    });
  }

  test('what is left out on purpose is in the recording', () => {
    const { api, apis } = read('discovery.json') as Readonly<Record<'api' | 'apis', Aggregated>>; // recorded
    const names = new Set([...Object.keys(byName(api)), ...Object.keys(byName(apis))]);
    assert.deepEqual(
      Object.keys(absent).filter((name) => !names.has(name)),
      [],
    );
  });
});

function isBuilt(name: string): boolean {
  return absent[name] === undefined;
}

/** Resources and subresources by `group/version/resource`. */
function byName({ items }: Aggregated, keep: (name: string) => boolean = () => true): Readonly<Record<string, object>> {
  const found: Record<string, object> = {};
  for (const { metadata, versions } of items) {
    for (const { version, resources } of versions) {
      for (const { subresources = [], ...own } of resources) {
        const name = `${metadata.name ?? ''}/${version}/${own.resource}`;
        if (keep(name)) found[name] = own;
        for (const subresource of subresources)
          if (keep(`${name}/${subresource.subresource}`)) found[`${name}/${subresource.subresource}`] = subresource;
      }
    }
  }
  return found;
}
