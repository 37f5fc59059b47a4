import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { fixtureKeySource } from '../pki/fixture-key-source.ts';
import type { Storage } from '../storage/storage.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

test('a token is taken a minute before and after its time, and no longer, by its issuer, if it is meant for it', async () => {
  const startMs = 1_800_000_000_000;
  let nowMs = startMs;
  const uid = 'c';
  // The account is there.
  const storage = { get: () => Promise.resolve({ stored: { object: { metadata: { uid } } } }) } as unknown as Storage;
  const { random } = new SimRuntime().process('test');
  const { privateKey } = fixtureKeySource.keyPair();
  const by = (issuer: string): ServiceAccountTokens =>
    new ServiceAccountTokens({ issuer, privateKey, storage, clock: { now: () => nowMs }, random });
  const here = by('https://here');
  const issued = (audience: string): string =>
    here.issue({ namespace: 'a', name: 'b', uid, expirationSeconds: 600, audiences: [audience] }).token;
  const token = issued('https://here');
  const isTaken = async (of: string, tokens = here): Promise<boolean> => {
    const user = await tokens.authenticate({ headers: { authorization: `Bearer ${of}` } });
    return typeof user === 'object' && user.name === 'system:serviceaccount:a:b';
  };
  for (const [seconds, expected] of [
    [-61, false],
    [-60, true],
    [0, true],
    [599, true],
    [660, true],
    [661, false],
  ] as const) {
    nowMs = startMs + seconds * 1000;
    assert.equal(await isTaken(token), expected, `${seconds} s`);
  }
  nowMs = startMs;
  assert.equal(await isTaken(token, by('https://there')), false);
  assert.equal(await isTaken(issued('https://there')), false);
  assert.equal(await isTaken(`${token}A`), false);
});
