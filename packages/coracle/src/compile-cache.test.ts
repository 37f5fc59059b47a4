import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileCacheDirectory } from './compile-cache.ts';

for (const { name, env, want } of [
  { name: 'the folder of caches that is set', env: { XDG_CACHE_HOME: '/caches', HOME: '/mira' }, want: '/caches/coracle/compiled' },
  { name: 'the usual one', env: { HOME: '/mira' }, want: '/mira/.cache/coracle/compiled' },
  {
    name: 'the usual one when the one that is set is relative',
    env: { XDG_CACHE_HOME: 'x', HOME: '/mira' },
    want: '/mira/.cache/coracle/compiled',
  },
  { name: 'none without a home', env: {}, want: undefined },
]) {
  test(`compileCacheDirectory() is ${name}`, () => assert.equal(compileCacheDirectory(env), want));
}
