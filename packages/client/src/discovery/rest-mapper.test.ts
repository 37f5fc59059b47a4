import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newInternalError, newNotFound, newTooManyRequests, TransportError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { memoryHost } from '../rest/fixtures/memory-host.ts';
import { answered, scripted, type Step } from '../rest/fixtures/scripted-transport.ts';
import { RestClient } from '../rest/rest-client.ts';
import { DiskCachedDiscovery, MemoryCachedDiscovery } from './cached-discovery.ts';
import {
  type ApiResource,
  type Discovery,
  DiscoveryClient,
  preferredResources,
  requireVersion,
  StaleGroupVersionError,
} from './discovery-client.ts';
import { AmbiguousResourceError, NoMatchError, RestMapper } from './rest-mapper.ts';

function row(group: string, version: string, resource: string, kind: string, more: Partial<ApiResource> = {}): ApiResource {
  return {
    group,
    version,
    resource,
    kind,
    singular: kind.toLowerCase(),
    namespaced: true,
    verbs: ['get'],
    shortNames: [],
    categories: [],
    subresources: [],
    ...more,
  };
}

function served(resources: readonly ApiResource[], failures: Discovery['failures'] = []): Discovery {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of resources) groups.set(group, (groups.get(group) ?? new Set()).add(version));
  return {
    groups: [...groups].map(([name, versions]) => ({ name, versions: [...versions] })),
    resources,
    failures,
    failedGroups: failures.map(({ groupVersion }) => groupVersion),
  };
}

const mapperOf = (resources: readonly ApiResource[], warn?: (text: string) => void): RestMapper =>
  new RestMapper({ discover: async () => served(resources) }, warn === undefined ? {} : { warn });

describe('RestMapper', () => {
  const all = [
    row('', 'v1', 'pods', 'Pod', { shortNames: ['po'], categories: ['all'] }),
    row('', 'v1', 'events', 'Event', { shortNames: ['ev'] }),
    row('apps', 'v1', 'deployments', 'Deployment', { shortNames: ['deploy'], categories: ['all'] }),
    row('apps', 'v1beta1', 'deployments', 'Deployment', { shortNames: ['deploy'], categories: ['all'] }),
    row('events.k8s.io', 'v1', 'events', 'Event', { shortNames: ['ev'] }),
    row('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', { shortNames: ['sc'], namespaced: false }),
    row('policy', 'v1', 'po', 'Po'),
  ];
  const names: readonly (readonly [string, string])[] = [
    ['pods', '/v1 pods'],
    ['Pod', '/v1 pods'],
    ['po', 'policy/v1 po'],
    ['deploy', 'apps/v1 deployments'],
    ['deployments.v1beta1.apps', 'apps/v1beta1 deployments'],
    ['deploy.apps', 'apps/v1 deployments'],
    ['ev', '/v1 events'],
    ['ev.events.k8s.io', 'events.k8s.io/v1 events'],
    ['events.events', 'events.k8s.io/v1 events'],
    ['sc.storage', 'storage.k8s.io/v1 storageclasses'],
    ['storageclasses', 'storage.k8s.io/v1 storageclasses'],
  ];
  for (const [name, want] of names) {
    test(`resolves ${name} to ${want}`, async () => {
      const { group, version, resource } = await mapperOf(all).handleForName(name);
      assert.equal(`${group}/${version} ${resource}`, want);
    });
  }

  test('tells when a short name could mean another resource, and not for other versions of it', async () => {
    const warnings: string[] = [];
    const mapper = mapperOf(all, (text) => warnings.push(text));
    await mapper.handleForName('ev');
    await mapper.handleForName('deploy');
    await mapper.handleForName('pods');
    assert.deepEqual(warnings, ['short name "ev" could also match lower priority resource events.events.k8s.io']);
  });

  test('two resources of one group and version with one name are ambiguous', async () => {
    const mapper = mapperOf([row('a', 'v1', 'foos', 'Thing'), row('a', 'v1', 'bars', 'Thing')]);
    await assert.rejects(mapper.handleForName('thing'), AmbiguousResourceError);
    assert.equal((await mapper.handleForName('bars')).resource, 'bars');
    assert.equal((await mapper.handleForKind({ group: 'a', kind: 'Thing' })).resource, 'foos');
  });

  test('a category is its resources, each in the preferred version', async () => {
    const handles = await mapperOf(all).handlesForCategory('all');
    assert.deepEqual(
      handles?.map(({ version, resource }) => `${version} ${resource}`),
      ['v1 pods', 'v1 deployments'],
    );
    assert.equal(await mapperOf(all).handlesForCategory('none'), undefined);
  });

  test('words what it does not find', async () => {
    const mapper = mapperOf(all);
    await assert.rejects(mapper.handleForKind({ group: 'apps', kind: 'Foo' }), {
      name: 'NoMatchError',
      message: 'no matches for kind "Foo" in group "apps"',
    });
    await assert.rejects(mapper.handleForKind({ group: 'apps', version: 'v1', kind: 'Foo' }), {
      message: 'no matches for kind "Foo" in version "apps/v1"',
    });
    await assert.rejects(mapper.handleForName('foo'), NoMatchError);
  });

  test('a cache that is not fresh is asked once more, a fresh one is not', async () => {
    let asked = 0;
    const source = {
      isFresh: false,
      invalidate: () => undefined,
      discover: async () => served(++asked < 2 ? [] : [row('a', 'v1', 'foos', 'Foo')]),
    };
    assert.equal((await new RestMapper(source).handleForName('foos')).group, 'a');
    assert.equal(asked, 2);
    asked = 0;
    await assert.rejects(new RestMapper({ ...source, isFresh: true }).handleForName('foos'), NoMatchError);
    assert.equal(asked, 1);
  });
});

describe('MemoryCachedDiscovery', () => {
  const pods = row('', 'v1', 'pods', 'Pod');
  const foos = row('a', 'v1', 'foos', 'Foo');

  test('asks once, for callers at the same time too, until it is invalidated', async () => {
    let asked = 0;
    const cache = new MemoryCachedDiscovery({
      discover: async () => {
        asked++;
        return served([pods]);
      },
      resourcesFor: () => assert.fail('asked'),
    });
    assert.ok(!cache.isFresh);
    await Promise.all([cache.discover(), cache.discover()]);
    await cache.discover();
    assert.deepEqual([asked, cache.isFresh], [1, true]);
    cache.invalidate();
    assert.ok(!cache.isFresh);
    await cache.discover();
    assert.equal(asked, 2);
  });

  test('a failure of the whole is not kept', async () => {
    let asked = 0;
    const cache = new MemoryCachedDiscovery({
      discover: async () => (++asked === 1 ? Promise.reject(new Error('away')) : served([pods])),
      resourcesFor: () => assert.fail('asked'),
    });
    await assert.rejects(cache.discover(), { message: 'away' });
    assert.equal((await cache.discover()).resources.length, 1);
  });

  const failures: readonly (readonly [string, unknown, boolean])[] = [
    ['a busy server', newTooManyRequests('busy', 1), true],
    ['an internal error', newInternalError('x'), true],
    ['a lost connection', new TransportError('refused', { executed: 'no' }), true],
    ['a stale group', new StaleGroupVersionError('a/v1'), false],
    ['a group that is gone', newNotFound({ group: '', resource: '' }, ''), false],
  ];
  for (const [name, error, isAskedAgain] of failures) {
    test(`${name}: the group is ${isAskedAgain ? '' : 'not '}asked for again`, async () => {
      const asked: string[] = [];
      const cache = new MemoryCachedDiscovery({
        discover: async () => served([pods], [{ groupVersion: 'a/v1', error }]),
        async resourcesFor(groupVersion) {
          asked.push(groupVersion);
          if (asked.length === 1) throw error;
          return [foos];
        },
      });
      assert.deepEqual((await cache.discover()).failedGroups, ['a/v1']);
      await cache.discover();
      const last = await cache.discover();
      assert.deepEqual(asked, isAskedAgain ? ['a/v1', 'a/v1'] : []);
      assert.equal(last.resources.length, isAskedAgain ? 2 : 1);
    });
  }

  test('finds a custom resource made since, through a mapper', async () => {
    const known = [pods];
    const mapper = new RestMapper(
      new MemoryCachedDiscovery({ discover: async () => served([...known]), resourcesFor: () => assert.fail('asked') }),
    );
    await mapper.handleForName('pods');
    known.push(foos);
    await assert.rejects(mapper.handleForName('foos'), NoMatchError, 'a fresh cache is believed');
    mapper.reset();
    assert.equal((await mapper.handleForName('foos')).group, 'a');
  });
});

describe('DiskCachedDiscovery', () => {
  const { clock } = new SimRuntime({ seed: 1 }).process('test');
  const over = (host = memoryHost(), server = 'https://a') => {
    let asked = 0;
    const client = { discover: async () => served([row('', 'v1', `pods${++asked}`, 'Pod')]) };
    return { host, cache: new DiskCachedDiscovery({ client, host, clock, file: '/people/me/.kube/cache/a.json', server, ttlMs: 60_000 }) };
  };
  const name = async (cache: DiskCachedDiscovery): Promise<string | undefined> => (await cache.discover()).resources[0]?.resource;

  test('keeps the answer for the next run, and says that it is old', async () => {
    const { host, cache } = over();
    assert.equal(await name(cache), 'pods1');
    assert.ok(cache.isFresh);
    const next = over(host).cache;
    assert.equal(await name(next), 'pods1');
    assert.ok(!next.isFresh);
    next.invalidate();
    assert.equal(await name(next), 'pods1', 'of its own client');
    assert.ok(next.isFresh);
    assert.equal(host.modes.get('/people/me/.kube/cache/a.json'), 0o600);
  });
  test('asks once for what it keeps, also after invalidate(), and callers at the same time share the question', async () => {
    const process = new SimRuntime({ seed: 1 }).process('test');
    let asked = 0;
    const client = { discover: async () => served([row('', 'v1', `pods${++asked}`, 'Pod')]) };
    const cache = new DiskCachedDiscovery({ client, host: memoryHost(), clock: process.clock, file: '/f', server: 's', ttlMs: 60_000 });
    assert.deepEqual(await Promise.all([name(cache), name(cache)]), ['pods1', 'pods1']);
    assert.deepEqual([await name(cache), cache.isFresh], ['pods1', true], 'it is no answer of an earlier run');
    cache.invalidate();
    assert.deepEqual([await name(cache), await name(cache), cache.isFresh], ['pods2', 'pods2', true]);
    let nowMs = 0;
    const late = new DiskCachedDiscovery({
      client,
      host: memoryHost(),
      clock: { ...process.clock, now: () => nowMs },
      file: '/f',
      server: 's',
      ttlMs: 60_000,
    });
    assert.equal(await name(late), 'pods3');
    nowMs = 60_001;
    assert.equal(await name(late), 'pods4', 'it is older than that');
  });
  test('what was asked for before invalidate() and comes after it is not kept', async () => {
    const { clock: simulated } = new SimRuntime({ seed: 1 }).process('test');
    const answers = [Promise.withResolvers<Discovery>(), Promise.withResolvers<Discovery>()];
    let asked = 0;
    const client = { discover: () => answers[asked++]?.promise ?? Promise.reject(new Error('asked too often')) };
    const cache = new DiskCachedDiscovery({ client, host: memoryHost(), clock: simulated, file: '/f', server: 's', ttlMs: 60_000 });
    const before = name(cache);
    cache.invalidate();
    const after = name(cache);
    answers[1]?.resolve(served([row('', 'v1', 'new', 'Pod')]));
    assert.equal(await after, 'new');
    answers[0]?.resolve(served([row('', 'v1', 'old', 'Pod')]));
    assert.equal(await before, 'old');
    assert.equal(await name(cache), 'new');
  });
  test('a torn file, one of another server and one of another format are none', async () => {
    for (const text of [
      '{',
      'null',
      '{"format":2}',
      JSON.stringify({ format: 1, server: 'https://b', atMs: clock.now(), groups: [], resources: [] }),
      JSON.stringify({ format: 1, server: 'https://a', atMs: clock.now() - 60_001, groups: [], resources: [] }),
    ]) {
      assert.equal(await name(over(memoryHost({ '/people/me/.kube/cache/a.json': text })).cache), 'pods1');
    }
  });
  test('a home that cannot be written to is no fault, and failed groups are not kept', async () => {
    const readOnly = { ...memoryHost(), writeFile: () => assert.fail('read-only') };
    assert.equal(await name(over(readOnly as ReturnType<typeof memoryHost>).cache), 'pods1');
    const host = memoryHost();
    const client = { discover: async () => served([], [{ groupVersion: 'a/v1', error: new Error('x') }]) };
    await new DiskCachedDiscovery({ client, host, clock, file: '/f', server: 's', ttlMs: 1 }).discover();
    assert.equal(host.files.size, 0);
  });
});

describe('DiscoveryClient, one group at a time', () => {
  const over = (...steps: readonly Step[]) => {
    const runtime = new SimRuntime({ seed: 1 });
    const transport = scripted(...steps);
    return { runtime, transport, client: new DiscoveryClient(new RestClient({ process: runtime.process('test'), transport })) };
  };
  test('resourcesFor() reads one list, without subresources among the resources', async () => {
    const { runtime, transport, client } = over(
      answered(200, {
        resources: [
          { name: 'foos', kind: 'Foo', namespaced: true, verbs: ['get'] },
          { name: 'foos/status', kind: 'Foo', namespaced: true, verbs: ['get'] },
        ],
      }),
    );
    const rows = await runtime.drive(client.resourcesFor('a/v1'));
    assert.deepEqual(
      rows.map(({ resource, singular, subresources }) => [resource, singular, subresources]),
      [['foos', 'foo', ['status']]],
    );
    assert.equal(transport.asked[0]?.path, '/apis/a/v1');
  });
  test('serverVersion() is what the server says of itself', async () => {
    const { runtime, transport, client } = over(answered(200, { major: '1', minor: '37', gitVersion: 'v1.37.2' }));
    assert.equal((await runtime.drive(client.serverVersion())).gitVersion, 'v1.37.2');
    assert.equal(transport.asked[0]?.path, '/version');
  });
  test('403 at /api and at /apis is an error, 404 at /apis too', async () => {
    for (const steps of [[answered(403)], [answered(404), answered(403)], [answered(404), answered(404)]]) {
      const { runtime, client } = over(...steps);
      await assert.rejects(runtime.drive(client.discover()));
    }
  });
});

test('preferredResources() has each resource once, in the first version that serves it', () => {
  const discovery = served([row('a', 'v2', 'foos', 'Foo'), row('a', 'v1', 'foos', 'Foo'), row('a', 'v1', 'bars', 'Bar')]);
  assert.deepEqual(
    preferredResources(discovery).map(({ version, resource }) => `${version} ${resource}`),
    ['v2 foos', 'v1 bars'],
  );
});

test('requireVersion() refuses a version that is not served', () => {
  const discovery = served([row('apps', 'v1', 'deployments', 'Deployment'), row('', 'v1', 'pods', 'Pod')]);
  requireVersion(discovery, 'apps/v1');
  requireVersion(discovery, 'v1');
  assert.throws(() => requireVersion(discovery, 'apps/v9'), { message: 'server does not support API version "apps/v9"' });
});
