import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BootstrapError, checkInitialCluster, type InitialCluster, newCluster, parseInitialCluster, placeIn } from './initial-cluster.ts';

const three = 'm1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380';
const initialOf = (text: string, token = 'etcd-cluster'): InitialCluster => ({ members: parseInitialCluster(text), token, state: 'new' });

describe('parseInitialCluster()', () => {
  test('reads names with their URLs, several of one name too', () => {
    assert.deepEqual(
      [...parseInitialCluster('a=http://x:1, b=https://[::1]:2,a=http://y:3')],
      [
        ['a', ['http://x:1', 'http://y:3']],
        ['b', ['https://[::1]:2']],
      ],
    );
  });

  for (const { text, says } of [
    { text: '', says: '"" of --initial-cluster is no NAME=URL' },
    { text: 'a', says: '"a" of --initial-cluster is no NAME=URL' },
    { text: 'a=', says: '"a=" of --initial-cluster is no NAME=URL' },
    { text: '=http://x:1', says: '"=http://x:1" of --initial-cluster is no NAME=URL' },
    { text: 'a=ftp://x:1', says: 'URL scheme must be http or https: ftp://x:1' },
    { text: 'a=x:1', says: 'URL scheme must be http or https: x:1' },
    { text: 'a=http://x', says: 'URL address does not have the form "host:port": http://x' },
    { text: 'a=http://x:1/path:2', says: 'URL must not contain a path: http://x:1/path:2' },
    { text: 'a=http://x:1/', says: 'URL must not contain a path: http://x:1/' },
  ]) {
    test(`refuses "${text}"`, () =>
      assert.throws(
        () => parseInitialCluster(text),
        (error) => error instanceof BootstrapError && error.message === says,
      ));
  }
});

describe('checkInitialCluster()', () => {
  test('takes a member that is named with its URLs', () => checkInitialCluster('m2', ['http://10.0.0.2:2380'], initialOf(three)));

  for (const { name, advertised, cluster = three, says } of [
    { name: 'm4', advertised: ['http://x:1'], says: `couldn't find local name "m4" in the initial cluster configuration` },
    {
      name: 'm1',
      advertised: ['http://x:1'],
      says: '--initial-cluster has m1=http://10.0.0.1:2380 but missing from --initial-advertise-peer-urls=http://x:1',
    },
    {
      name: 'm1',
      advertised: ['http://10.0.0.1:2380', 'http://x:1'],
      says: `--initial-advertise-peer-urls has m1=http://x:1 but missing from --initial-cluster=${three}`,
    },
    {
      name: 'a',
      advertised: ['http://x:1'],
      cluster: 'a=http://x:1,b=http://x:1',
      says: 'initial cluster a=http://x:1,b=http://x:1 has duplicate url',
    },
  ]) {
    test(`refuses ${name} at ${advertised.join(' and ')} of ${cluster}`, () =>
      assert.throws(() => checkInitialCluster(name, advertised, initialOf(cluster)), { name: 'BootstrapError', message: says }));
  }
});

describe('newCluster()', () => {
  test('is the same for all who were told the same, in whatever order', () => {
    const reversed = three.split(',').reverse().join(',');
    assert.deepEqual(newCluster(initialOf(three)), newCluster(initialOf(reversed)));
    assert.equal(new Set(newCluster(initialOf(three)).members.map(({ id }) => id)).size, 3);
    for (const { id } of newCluster(initialOf(three)).members) assert.ok(Number.isSafeInteger(id) && id > 0);
  });

  test('is another one with another token or another member', () => {
    const ids = [initialOf(three), initialOf(three, 'other'), initialOf(`${three},m4=http://10.0.0.4:2380`)].map(
      (one) => newCluster(one).clusterId,
    );
    assert.equal(new Set(ids).size, 3);
    for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
  });
});

describe('placeIn()', () => {
  const found = newCluster(initialOf(three));

  test('finds the member by its URLs, whatever name it goes by', () => {
    const renamed = initialOf(three.replace('m2=', 'new='));
    assert.equal(placeIn(found, 'new', renamed).name, 'm2');
  });

  for (const { name, cluster, says } of [
    { name: 'm1', cluster: 'm1=http://10.0.0.1:2380', says: 'error validating peerURLs m1=http://10.0.0.1:2380: member count is unequal' },
    {
      name: 'm1',
      cluster: three.replace('10.0.0.3', '10.0.0.4'),
      says: `error validating peerURLs ${three.replace('10.0.0.3', '10.0.0.4')}: no member of the cluster has the peer URLs of "m3"`,
    },
    { name: 'm4', cluster: three, says: `couldn't find local name "m4" in the initial cluster configuration` },
  ]) {
    test(`refuses ${name} of ${cluster}`, () =>
      assert.throws(() => placeIn(found, name, initialOf(cluster)), { name: 'BootstrapError', message: says }));
  }
});
