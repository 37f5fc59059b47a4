import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveFormat, hasFormat } from './formats.ts';

const cases = [
  {
    format: 'date-time',
    yes: ['2026-01-01T00:00:00Z', '2026-01-01t23:59:59.5+02:00'],
    no: ['noon', '2026-01-01', '2026-13-01T00:00:00Z', '2026-01-01T24:00:00Z'],
  },
  { format: 'date', yes: ['2024-02-29'], no: ['2026-02-29', '2026-1-1'] },
  { format: 'duration', yes: ['1h30m', '22 ns', '2 days', '0', '1.5s'], no: ['long', '', '12'] },
  { format: 'ipv4', yes: ['1.2.3.4', '010.0.0.1'], no: ['1.2.3', '::1'] },
  { format: 'ipv6', yes: ['::1'], no: ['1.2.3.4'] },
  { format: 'cidr', yes: ['10.0.0.0/8', '::/0'], no: ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/1'] },
  { format: 'hostname', yes: ['a', 'a.example.com'], no: ['_x_', 'a..b', '-a.com', `${'a'.repeat(64)}.com`] },
  { format: 'email', yes: ['a@b.c', 'A <a@b.c>', '"a b"@c'], no: ['a', '@b', 'a@', 'a..b@c'] },
  { format: 'uri', yes: ['http://a/b', '/a', 'urn:x'], no: [':x:', 'a b', 'a', ''] },
  { format: 'uuid', yes: ['6ba7b810-9dad-11d1-80b4-00c04fd430c8'], no: ['6ba7b810'] },
  { format: 'uuid4', yes: ['9b2e7a1c-4b1d-4c3e-8f00-aabbccddeeff'], no: ['6ba7b810-9dad-11d1-80b4-00c04fd430c8'] },
  { format: 'byte', yes: ['YQ==', 'YWJj'], no: ['YQ', '?'] },
  { format: 'mac', yes: ['01:23:45:67:89:ab', '0123.4567.89ab'], no: ['01:23'] },
  { format: 'isbn', yes: ['0321751043', '978-0321751041'], no: ['0321751044'] },
  { format: 'creditcard', yes: ['4111-1111-1111-1111'], no: ['4111-1111-1111-1112'] },
  { format: 'hexcolor', yes: ['#FFF', '00ff00'], no: ['#FF'] },
  { format: 'rgbcolor', yes: ['rgb(1, 2, 255)'], no: ['rgb(1,2,256)'] },
  { format: 'ssn', yes: ['123-45-6789'], no: ['123'] },
  { format: 'k8s-short-name', yes: ['a-b'], no: ['A', 'a.b'] },
  { format: 'k8s-long-name', yes: ['a.b'], no: ['a..b'] },
  { format: 'password', yes: ['', 'x'], no: [] },
];

for (const { format, yes, no } of cases) {
  test(`hasFormat() ${format}`, () => {
    for (const text of yes) assert.equal(hasFormat(format, text), true, text);
    for (const text of no) assert.equal(hasFormat(format, text), false, text);
  });
}

test('effectiveFormat() drops what means nothing for the type', () => {
  assert.equal(effectiveFormat({ type: 'string', format: 'teapot' }), undefined);
  assert.equal(effectiveFormat({ type: 'integer', format: 'date' }), undefined);
  assert.equal(effectiveFormat({ type: 'integer', format: 'int32' }), 'int32');
  assert.equal(effectiveFormat({ type: 'object', format: 'date' }), undefined);
  assert.equal(effectiveFormat({ 'x-kubernetes-int-or-string': true, format: 'date' }), 'date');
});
