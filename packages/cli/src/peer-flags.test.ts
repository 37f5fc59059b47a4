import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { etcdOptions } from './etcd.ts';
import { UsageError } from './flags.ts';

const three = 'm1=http://127.0.0.1:2380,m2=http://127.0.0.1:2480,m3=http://127.0.0.1:2580';

describe('peerOptions()', () => {
  test('makes of etcd with none of its flags a member that is alone', () => assert.equal(etcdOptions([]).peers, undefined));

  test('takes what etcd takes', () => {
    const args = [
      '--name=m2',
      '--listen-peer-urls=http://127.0.0.1:2480',
      '--initial-advertise-peer-urls=http://127.0.0.1:2480',
      `--initial-cluster=${three}`,
      '--initial-cluster-state=existing',
      '--initial-cluster-token=mine',
      '--heartbeat-interval=50',
      '--election-timeout=500',
    ];
    const { peers } = etcdOptions(args);
    assert.deepEqual(peers, {
      listen: { host: '127.0.0.1', port: 2480 },
      advertise: ['http://127.0.0.1:2480'],
      initial: {
        members: new Map([
          ['m1', ['http://127.0.0.1:2380']],
          ['m2', ['http://127.0.0.1:2480']],
          ['m3', ['http://127.0.0.1:2580']],
        ]),
        state: 'existing',
        token: 'mine',
      },
      tickMs: 50,
      electionTicks: 10,
    });
  });

  test('has the defaults of etcd: a cluster of this member, which others may join', () => {
    const { peers } = etcdOptions(['--listen-peer-urls=http://[::1]:2380']);
    assert.deepEqual(peers?.listen, { host: '::1', port: 2380 });
    assert.deepEqual(peers.initial, { members: new Map([['default', ['http://[::1]:2380']]]), state: 'new', token: 'etcd-cluster' });
    assert.deepEqual([peers.tickMs, peers.electionTicks], [undefined, undefined]);
  });

  const listen = '--listen-peer-urls=http://127.0.0.1:2380';
  for (const { args, says } of [
    { args: ['--initial-cluster-state=new'], says: /^--initial-cluster-state is for one member of several: --initial-cluster names them$/ },
    { args: ['--peer-cert-file=x'], says: /^--peer-cert-file is for one member of several/ },
    { args: ['--listen-peer-urls=nonsense'], says: /"nonsense" is no URL to listen at/ },
    { args: ['--listen-peer-urls=http://127.0.0.1'], says: /"http:\/\/127\.0\.0\.1\/" is no URL to listen at: it needs a port/ },
    { args: ['--listen-peer-urls=http://a:1,http://b:1'], says: /^--listen-peer-urls takes one URL$/ },
    { args: [`--initial-cluster=${three}`], says: /^couldn't find local name "default" in the initial cluster configuration$/ },
    {
      args: ['--name=m1', `--initial-cluster=${three}`, '--listen-peer-urls=http://h:1'],
      says: /^--initial-cluster has m1=http:\/\/127\.0\.0\.1:2380 but missing from --initial-advertise-peer-urls=http:\/\/h:1$/,
    },
    { args: [listen, '--initial-advertise-peer-urls=ftp://x:1'], says: /^URL scheme must be http or https: ftp:\/\/x:1$/ },
    { args: [listen, '--initial-cluster-state=old'], says: /^"old" is no value of --initial-cluster-state: new or existing$/ },
    { args: [listen, '--peer-cert-file=x'], says: /^--peer-cert-file, --peer-key-file and --peer-trusted-ca-file go together$/ },
    { args: [listen, '--peer-client-cert-auth'], says: /go together$/ },
    {
      args: ['--listen-peer-urls=https://h:1'],
      says: /^"https:\/\/h:1\/" needs --peer-cert-file, --peer-key-file and --peer-trusted-ca-file$/,
    },
    { args: [listen, '--heartbeat-interval=0'], says: /^--heartbeat-interval must be >0 \(set to 0ms\)$/ },
    { args: [listen, '--heartbeat-interval=1s'], says: /^"1s" is no number of milliseconds$/ },
    {
      args: [listen, '--election-timeout=400'],
      says: /^--election-timeout\[400ms\] should be at least as 5 times as --heartbeat-interval\[100ms\]$/,
    },
    {
      args: [listen, '--election-timeout=60000'],
      says: /^--election-timeout\[60000ms\] is too long, and should be set less than 50000ms$/,
    },
  ]) {
    test(`refuses ${args.join(' ')}`, () =>
      assert.throws(
        () => etcdOptions(args),
        (error) => error instanceof UsageError && says.test(error.message),
      ));
  }
});
