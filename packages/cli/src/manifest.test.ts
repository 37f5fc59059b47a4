import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ManifestError, readManifest } from './manifest.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'coracle-manifest-'));
after(() => rmSync(folder, { recursive: true }));

function file(contents: string | Uint8Array): string {
  const at = path.join(folder, 'manifest.yaml');
  writeFileSync(at, contents);
  return at;
}

test('readManifest() takes Lists apart and keeps the key __proto__', () => {
  const [a, b] = readManifest(
    file(
      '{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]}\n---\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {__proto__: text}\n',
    ),
  );
  assert.deepEqual([a?.object.metadata.name, a?.where.replaceAll(folder, '')], ['a', 'item 1 in document 1 of "/manifest.yaml" (line 1)']);
  assert.equal(Object.getOwnPropertyDescriptor((b?.object as { data?: object } | undefined)?.data, '__proto__')?.value, 'text');
});

const bomb = `a0: &a0 [x, x]\n${Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}`;
for (const { fault, text, says } of [
  { fault: 'an empty file', text: '', says: /holds no objects$/ },
  { fault: 'only comments', text: '# nothing\n---\n', says: /holds no objects$/ },
  { fault: 'wrong indentation', text: 'kind: A\n  metadata: b\n', says: /manifest\.yaml" is not valid YAML: line 2: / },
  { fault: 'text that is not UTF-8', text: Uint8Array.of(0x61, 0xff, 0xfe), says: /Cannot read ".*": .*not valid/ },
  { fault: 'a list', text: '- a\n- b\n', says: /document 1 of ".*" \(line 1\) is not an object, but a list$/ },
  { fault: 'a word', text: 'hello', says: /is not an object, but a string$/ },
  { fault: 'an object without kind', text: 'apiVersion: v1\nmetadata: {name: a}\n', says: /has no kind$/ },
  { fault: 'an object without apiVersion', text: 'kind: Pod\nmetadata: {name: a}\n', says: /\(Pod\) has no apiVersion$/ },
  {
    fault: 'an object without name, later in the file',
    text: '{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\napiVersion: v1\nkind: Pod\n',
    says: /document 2 of ".*" \(line 3\) \(Pod\) has no metadata\.name$/,
  },
  { fault: 'a metadata that is text', text: 'apiVersion: v1\nkind: Pod\nmetadata: a\n', says: /has no metadata\.name$/ },
  {
    fault: 'a key that comes twice',
    text: 'apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: a}\n',
    says: /document 1 .*line 3: key "kind" already set in map$/,
  },
  { fault: 'a text that grows when it is read', text: bomb, says: /is not valid YAML: .*(aliasing|depth|aliases)/ },
]) {
  test(`readManifest() refuses ${fault}`, () => {
    assert.throws(
      () => readManifest(file(text)),
      (error) => error instanceof ManifestError && says.test(error.message),
    );
  });
}

test('readManifest() refuses a directory, a device and a file that is too large', () => {
  assert.throws(() => readManifest(folder), /it is a directory; name one file$/);
  assert.throws(() => readManifest('/dev/zero'), /it is not a file$/);
  const large = file('');
  truncateSync(large, 65 * 1024 * 1024);
  assert.throws(() => readManifest(large), /it has 68157440 bytes, and 67108864 are the limit$/);
});
