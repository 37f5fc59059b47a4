import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatIp, isCanonicalIp, isInRange, isReachableIp, parseCidr, parseIp } from './ip.ts';

describe('parseIp', () => {
  for (const { text, canonical } of [
    { text: '10.0.0.1', canonical: '10.0.0.1' },
    { text: '010.0.0.1', canonical: '10.0.0.1' },
    { text: '2001:db8:0::1', canonical: '2001:db8::1' },
    { text: '1:0:0:2:0:0:0:3', canonical: '1:0:0:2::3' },
    { text: '::', canonical: '::' },
    { text: 'fe80::', canonical: 'fe80::' },
    { text: '::ffff:192.0.2.1', canonical: '192.0.2.1' },
  ]) {
    test(`parseIp() reads ${text}, which is ${canonical}`, () => {
      const ip = parseIp(text);
      assert.ok(ip);
      assert.equal(formatIp(ip), canonical);
    });
  }

  for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'x', '1::2::3', '1:2:3:4:5:6:7:8:9', '12345::', '1.2.3.4:80', ':1']) {
    test(`parseIp() refuses ${JSON.stringify(text)}`, () => assert.equal(parseIp(text), undefined));
  }

  test('parseIp() reads what formatIp() writes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        const ip = value >> 32n === 0xffffn ? undefined : { family: 'IPv6' as const, value };
        if (ip !== undefined) assert.deepEqual(parseIp(formatIp(ip)), ip);
      }),
    );
  });
});

test('isInRange() compares no more than the prefix', () => {
  const range = parseCidr('10.0.0.0/24');
  const [inside, outside] = ['10.0.0.255', '10.0.1.0'].map(parseIp);
  assert.ok(range && inside && outside);
  assert.equal(isInRange(inside, range), true);
  assert.equal(isInRange(outside, range), false);
});

test('parseCidr() refuses prefixes that the family does not have', () => {
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0', '10.0.0.0/x']) assert.equal(parseCidr(text), undefined);
});

test('isReachableIp() refuses loopback, link-local and unspecified addresses', () => {
  for (const ip of ['127.0.0.1', '::1', '169.254.1.1', 'fe80::1', '0.0.0.0']) assert.equal(isReachableIp('ip', ip).length, 1, ip);
  assert.deepEqual(isReachableIp('ip', '192.0.2.1'), []);
});

test('isCanonicalIp() refuses other spellings of an address', () => {
  assert.deepEqual(isCanonicalIp('ip', '2001:db8::1'), []);
  assert.match(isCanonicalIp('ip', '2001:DB8::1')[0]?.detail ?? '', /canonical form \("2001:db8::1"\)/);
});
