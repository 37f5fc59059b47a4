/** What a real API server answered to strategic merge patches. Needs the recordings beside the repository; skipped without them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { resourceRows } from '../generated/resources.ts';
import { TypeTable } from '../type-facts.ts';
import { StrategicMergeError } from './strategic-merge-error.ts';
import { strategicMergePatch } from './strategic-merge.ts';

interface Step {
  readonly do: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly res: { readonly status: number; readonly body?: { readonly kind?: string; readonly message?: string } };
}

const folder = path.join(import.meta.dirname, '../../../../../shared/data/kubernetes-1.37/recorded/patch');
const table = new TypeTable();
/** Refused by what comes after the merge (decoding, validation, preconditions). */
const refusedLater: ReadonlySet<number> = new Set([400, 409, 422]);

/** Revision, and what admission adds to a Pod that was recorded only as it was sent. */
const addedAtCreation: ReadonlySet<string> = new Set(['.metadata.resourceVersion', '.metadata.generation', '.spec.tolerations']);
/** Created objects as the server keeps them, with defaults: what it answered to an empty patch. Other creations were not recorded. */
const created = new Map<string, unknown>();

if (existsSync(folder)) {
  const [post, patch] = stepsOf('strategic-deploy-empty.json');
  created.set(JSON.stringify(post?.body), patch?.res.body);
  for (const file of readdirSync(folder).filter((name) => name.startsWith('strategic-'))) {
    test(`strategicMergePatch answers as recorded in ${file}`, () => replay(stepsOf(file)));
  }
} else {
  test('strategicMergePatch answers as recorded', { skip: 'no ../shared/data beside the repository' }, () => {});
}

function stepsOf(file: string): readonly Step[] {
  return JSON.parse(readFileSync(path.join(folder, file), 'utf8')).steps as readonly Step[]; // recorded files, whose shape is above
}

function replay(steps: readonly Step[]): void {
  let live: unknown;
  const sent = steps[0]?.body;
  for (const step of steps) {
    if (step.headers?.['content-type'] === 'application/strategic-merge-patch+json' && typeof step.body !== 'string') {
      const { status, body } = step.res;
      if (status === 500) {
        assert.throws(() => merge(step, live), new StrategicMergeError(body?.message ?? ''));
      } else if (status === 200) {
        covers(body, merge(step, live), '');
        lacks(body, sent, merge(step, live), '');
      } else {
        assert.ok(refusedLater.has(status));
      }
    }
    if (step.res.status < 300) live = step.res.body ?? created.get(JSON.stringify(step.body)) ?? step.body;
  }
}

function merge({ do: request, body }: Step, live: unknown): unknown {
  const [, group = '', version = '', resource = ''] =
    /\/apis?\/(?:([^/]+\.[^/]+|apps|batch|policy|autoscaling)\/)?(v[^/]+)\/(?:namespaces\/[^/]+\/)?([^/]+)\//.exec(request) ?? [];
  const row = resourceRows.find((one) => one.group === group && one.version === version && one.resource === resource);
  assert.ok(row !== undefined, request);
  return strategicMergePatch(table, table.kind(group, version, row.kind)?.type ?? '', live, body);
}

/** All of `merged` is in the answer, in its order; the answer has defaults too. */
function covers(answer: unknown, merged: unknown, at: string): void {
  if (addedAtCreation.has(at)) return;
  if (Array.isArray(merged)) {
    assert.ok(Array.isArray(answer), at);
    assert.equal(answer.length, merged.length, at);
    for (const [i, item] of merged.entries()) covers(answer[i], item, `${at}[${i}]`);
  } else if (typeof merged === 'object' && merged !== null) {
    if (Object.keys(merged).length === 0 && answer === undefined) return; // an empty map is left out
    assert.ok(typeof answer === 'object' && answer !== null, at);
    for (const [key, member] of Object.entries(merged)) covers((answer as Record<string, unknown>)[key], member, `${at}.${key}`);
  } else {
    assert.deepEqual(answer, merged, at);
  }
}

/** What the client sent once and the patch took away is not in the answer; defaults may be. */
function lacks(answer: unknown, sent: unknown, merged: unknown, at: string): void {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return;
  const [was, is, got] = [sent, merged, answer] as readonly (Readonly<Record<string, unknown>> | undefined)[];
  for (const key of Object.keys(was ?? {})) {
    if (is === undefined || !Object.hasOwn(is, key)) {
      if (JSON.stringify(got?.[key]) === JSON.stringify(was?.[key])) assert.fail(`${at}.${key} should be gone`);
    } else {
      lacks(got?.[key], was?.[key], is[key], `${at}.${key}`);
    }
  }
}
