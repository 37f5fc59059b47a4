// Plays the JSON and merge patches that a real API server was sent, and compares objects and refusals.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { StatusError } from '../status.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';

interface Step {
  readonly do: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly res: { readonly status: number; readonly body?: { readonly data?: unknown; readonly message?: string } };
}

const folder = path.join(import.meta.dirname, '../../../../../shared/data/kubernetes-1.37/recorded/patch');
const rejection = 'the server rejected our request due to an error in our request';
/** What the object's own rules say about a patch that applied is not ours. */
const ours = (step: Step): boolean => step.res.status === 200 || step.res.body?.message === rejection;

for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
  const { steps } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { readonly steps: readonly Step[] };
  const [created, patched] = steps;
  if (created === undefined || patched === undefined || !patched.do.endsWith('/configmaps/glaze') || !ours(patched)) continue;
  const apply = patched.headers?.['content-type'] === 'application/json-patch+json' ? applyJsonPatch : applyMergePatch;
  if (!/json-patch|merge-patch/.test(patched.headers?.['content-type'] ?? '') || typeof patched.body === 'string') continue;
  if (patched.headers?.['content-type']?.includes('strategic')) continue;
  test(`${apply.name} answers as recorded in ${file}`, () => {
    if (patched.res.status !== 200) {
      assert.throws(() => apply(created.body, patched.body), new StatusError(patched.res.body as StatusError['status']));
      return;
    }
    const result = apply(created.body, patched.body) as { readonly data?: Readonly<Record<string, unknown>> };
    // The server's maps of strings hold '' for null.
    const data = result.data && Object.fromEntries(Object.entries(result.data).map(([key, value]) => [key, value ?? '']));
    assert.deepEqual(data, patched.res.body?.data);
  });
}

test('recorded patches', { skip: existsSync(folder) ? 'each is a test of its own' : 'no ../shared/data beside the repository' }, () => {});
