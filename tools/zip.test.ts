import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { readZipEntry } from './zip.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'coracle-zip-'));
after(() => rmSync(folder, { recursive: true }));

function uint(...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    fields.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes);
      field.writeUIntLE(value, 0, bytes);
      return field;
    }),
  );
}

interface Part {
  readonly name: string;
  readonly text: string;
  readonly method: number;
}

/** A zip archive as other programs write it: an extra field in the local header alone, and a comment at the end. */
function archive(file: string, parts: readonly Part[], change: (bytes: Buffer) => Buffer = (bytes) => bytes): string {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const { name, text, method } of parts) {
    const data = method === 8 ? deflateRawSync(text) : Buffer.from(text);
    const facts = uint([2, method], [4, 0], [4, crc32(text)], [4, data.length], [4, text.length]);
    const body = Buffer.concat([
      uint([4, 0x04034b50], [2, 20], [2, 0]),
      facts,
      uint([2, name.length], [2, 4]),
      Buffer.from(`${name}ext!`),
      data,
    ]);
    const names = uint([2, name.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    entries.push(Buffer.concat([uint([4, 0x02014b50], [2, 20], [2, 20], [2, 0]), facts, names, Buffer.from(name)]));
    bodies.push(body);
    offset += body.length;
  }
  const directory = Buffer.concat(entries);
  const count = parts.length;
  const end = uint([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directory.length], [4, offset], [2, 7]);
  const target = path.join(folder, file);
  writeFileSync(target, change(Buffer.concat([...bodies, directory, end, Buffer.from('comment')])));
  return target;
}

const parts: readonly Part[] = [
  { name: 'a/stored.txt', text: 'as it is', method: 0 },
  { name: 'a/deflated.txt', text: 'again and '.repeat(100), method: 8 },
  { name: 'a/other.txt', text: 'x', method: 12 },
];

test('readZipEntry() reads stored and deflated files', () => {
  const file = archive('good.zip', parts);
  assert.equal(readZipEntry(file, 'a/stored.txt').toString(), 'as it is');
  assert.equal(readZipEntry(file, 'a/deflated.txt').toString(), 'again and '.repeat(100));
});

const refused: readonly {
  readonly why: string;
  readonly name: string;
  readonly change?: (bytes: Buffer) => Buffer;
  readonly message: RegExp;
}[] = [
  { why: 'a file that is not there', name: 'a/none', message: /has no file "a\/none"/ },
  { why: 'a method that it does not know', name: 'a/other.txt', message: /method 12/ },
  { why: 'changed bytes', name: 'a/stored.txt', change: (bytes) => replaceOnce(bytes, 'as it is', 'as it iz'), message: /is damaged/ },
  { why: 'an archive without its end', name: 'a/stored.txt', change: (bytes) => bytes.subarray(0, 60), message: /not a zip archive/ },
  { why: 'what is no archive', name: 'a/stored.txt', change: () => Buffer.from('text'), message: /not a zip archive/ },
  { why: 'an archive without its start', name: 'a/stored.txt', change: (bytes) => bytes.subarray(90), message: /.+/ },
];

for (const { why, name, change, message } of refused) {
  test(`readZipEntry() refuses ${why}`, () => {
    assert.throws(() => readZipEntry(archive('bad.zip', parts, change), name), message);
  });
}

function replaceOnce(bytes: Buffer, from: string, to: string): Buffer {
  const changed = Buffer.from(bytes);
  changed.write(to, changed.indexOf(from));
  return changed;
}
