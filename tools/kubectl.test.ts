import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { type KubectlVersion, kubectl } from './kubectl.ts';

for (const version of ['1.30', '1.35'] satisfies readonly KubectlVersion[]) {
  test(`kubectl("${version}") is a kubectl of that version, unpacked once`, () => {
    const file = kubectl(version);
    const output = execFileSync(file, ['version', '--client', '--output=json'], { encoding: 'utf8', env: { HOME: '/nonexistent' } });
    const { clientVersion } = JSON.parse(output) as { readonly clientVersion: { readonly major: string; readonly minor: string } };
    assert.equal(`${clientVersion.major}.${clientVersion.minor}`, version);
    assert.equal(kubectl(version), file);
  });
}
