import assert from 'node:assert/strict';
import test from 'node:test';
import { configMapSuffix } from './config-map.ts';
import { toToml } from './toml.ts';

test("configMapSuffix() is upstream's: seven digits of the hex of the hex digest", () => {
  assert.equal(configMapSuffix({ 'startup-script': 'echo a >b && c', 'config-file': '' }), '3232383');
});

test('toToml() writes keys before tables, sorted', () => {
  assert.equal(
    toToml({ storage: { 'reserve-space': '0MB', 'block-cache': { capacity: 1 } }, 'log-level': 'info', a: [1, 'x'], f: 0.5 }),
    'a = [1, "x"]\nf = 0.5\nlog-level = "info"\n\n[storage]\n  reserve-space = "0MB"\n  [storage.block-cache]\n    capacity = 1\n',
  );
  assert.equal(toToml({}), '');
  assert.equal(toToml({ 'a b': { __proto__x: true } }), '["a b"]\n  __proto__x = true\n');
});

test('toToml() refuses null', () => {
  assert.throws(() => toToml({ a: { b: null } }), /Cannot write null at "a\.b" as TOML/);
});
