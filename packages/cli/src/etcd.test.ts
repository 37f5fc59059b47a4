import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { etcdOptions } from './etcd.ts';
import { UsageError } from './flags.ts';

describe('etcdOptions()', () => {
  test('has the defaults of etcd', () => {
    assert.deepEqual(etcdOptions([]), { name: 'default', directory: 'default.etcd', listen: [{ host: 'localhost', port: 2379 }] });
  });

  test('takes what etcd takes', () => {
    const args = [
      '--name=m1',
      '--data-dir=d',
      '--listen-client-urls=http://127.0.0.1:0,http://[::1]:23790',
      '--advertise-client-urls=http://m1:2379',
      '--quota-backend-bytes=-1',
      '--watch-progress-notify-interval=1h1.5m2s3ms',
    ];
    assert.deepEqual(etcdOptions(args), {
      name: 'm1',
      directory: 'd',
      listen: [
        { host: '127.0.0.1', port: 0 },
        { host: '::1', port: 23790 },
      ],
      advertise: ['http://m1:2379'],
      quotaBytes: Number.POSITIVE_INFINITY,
      progressIntervalMs: 3_692_003,
    });
    assert.equal(etcdOptions(['--force-truncate']).forceTruncate, true);
    assert.equal(etcdOptions(['--force-truncate=false']).forceTruncate, undefined);
    assert.equal(etcdOptions(['--feature-gates=LeaseCheckpoint=true,LeaseCheckpointPersist=true']).checkpointLeasesMs, 300_000);
    assert.equal(etcdOptions(['--feature-gates=FastLeaseKeepAlive=true, LeaseCheckpoint=false,']).checkpointLeasesMs, undefined);
    assert.equal(etcdOptions(['--auth-token-ttl=60']).tokenTtlMs, 60_000);
    const { jwt } = etcdOptions([`--auth-token=jwt,sign-method=HS256,priv-key=${import.meta.filename},ttl=3s`]);
    assert.deepEqual([jwt?.method, jwt?.ttlMs], ['HS256', 3000]);
    assert.equal(etcdOptions(['--quota-backend-bytes', '1000']).quotaBytes, 1000);
    assert.equal(etcdOptions(['--quota-backend-bytes', '0']).quotaBytes, undefined);
  });

  const refused: Readonly<Record<string, RegExp>> = {
    '--peers=1': /unknown option "--peers"/,
    '--listen-client-urls=nonsense': /"nonsense" is no URL to listen at/,
    '--listen-client-urls=ftp://a:1': /"ftp:\/\/a:1" is no URL to listen at/,
    '--listen-client-urls=http://a:1/path': /is no URL to listen at/,
    '--listen-client-urls=https://a:1': /"https:\/\/a:1\/" needs --cert-file and --key-file/,
    '--cert-file=x': /--cert-file and --key-file go together/,
    '--trusted-ca-file=x': /client certificates need --cert-file and --key-file/,
    '--client-cert-auth': /client certificates need --cert-file and --key-file/,
    '--client-cert-auth=maybe': /"maybe" is no value of --client-cert-auth: true or false/,
    '--quota-backend-bytes=2GB': /"2GB" is no number of bytes/,
    '--watch-progress-notify-interval=10': /"10" is no duration/,
    '--watch-progress-notify-interval=0s': /"0s" is no duration/,
    '--watch-progress-notify-interval=1sx': /"1sx" is no duration/,
    '--auth-token=paseto': /"paseto" is no --auth-token: simple, or jwt/,
    '--auth-token=jwt': /--auth-token signs by no "": HS256/,
    '--auth-token=jwt,sign-method=none': /--auth-token signs by no "none": HS256/,
    '--auth-token=jwt,sign-method': /"sign-method" is no option of --auth-token: NAME=VALUE/,
    '--auth-token=jwt,ttl=1s,ttl=2s': /--auth-token has "ttl" twice/,
    '--auth-token=simple,key=x': /--auth-token knows no "key": sign-method, pub-key/,
    '--auth-token=jwt,sign-method=HS256': /keys of --auth-token: missing key data/,
    '--auth-token=jwt,sign-method=HS256,priv-key=absent': /cannot read --auth-token priv-key "absent": ENOENT/,
    '--auth-token-ttl=5m': /"5m" is no number of seconds/,
    '--feature-gates=Foo=true': /"Foo" is no feature gate of --feature-gates: StopGRPC/,
    '--feature-gates=constructor=true': /"constructor" is no feature gate/,
    '--feature-gates=LeaseCheckpoint=maybe': /"maybe" is no value of the feature gate LeaseCheckpoint: true or false/,
    '--feature-gates=LeaseCheckpoint': /"" is no value of the feature gate LeaseCheckpoint/,
    '--feature-gates=LeaseCheckpointPersist=true': /LeaseCheckpointPersist needs LeaseCheckpoint/,
    '--feature-gates=CompactHashCheck=true': /CompactHashCheck cannot be true: it is always false here/,
    '--auth-token-ttl=0': /"0" is no number of seconds/,
  };
  for (const [arg, message] of Object.entries(refused)) {
    test(`refuses ${arg}`, () => {
      assert.throws(
        () => etcdOptions([arg]),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  test('refuses to cut the log of one member of several', () => {
    const args = ['--force-truncate', '--initial-cluster=default=http://localhost:2380'];
    assert.throws(() => etcdOptions(args), /--force-truncate is for a store that is alone/);
  });

  test('says which file cannot be read', () => {
    assert.throws(() => etcdOptions(['--cert-file=absent.crt', '--key-file=absent.key']), /cannot read --cert-file "absent.crt": ENOENT/);
  });
});
