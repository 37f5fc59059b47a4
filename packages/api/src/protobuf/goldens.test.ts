/** Every kind as Go's libraries encode it; all of them beside the repository, some as fixtures of our own. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { readJson } from '@coracle/apimachinery';
import { TypeTable } from '../type-facts.ts';
import { decodeProtobuf, encodeProtobuf } from './envelope.ts';

const table = new TypeTable();
const own = path.join(import.meta.dirname, 'fixtures');
const all = path.join(import.meta.dirname, '../../../../../shared/data/kubernetes-1.37/wire-goldens');

/** In Go `items` points to a struct that prints as null; neither Go's JSON reader nor we can know that from null. */
const saysNull: ReadonlySet<string> = new Set(['apiextensions.k8s.io.v1.CustomResourceDefinition']);

prove(own);
if (existsSync(all)) prove(all);
else test('protobuf of every kind', { skip: 'no ../shared/data beside the repository' }, () => {});

function prove(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.pb'))) {
    const name = file.slice(0, -'.pb'.length);
    const bytes = new Uint8Array(readFileSync(path.join(folder, file)));
    const object = readJson(readFileSync(path.join(folder, `${name}.json`), 'utf8'), { bigints: true }).value as Record<string, unknown>;
    const type = typeOf(object);
    test(`decodeProtobuf of ${name}`, () => assert.deepEqual(decodeProtobuf(table, type, bytes), object));
    test(`encodeProtobuf of ${name}`, () => {
      const encoded = encodeProtobuf(table, type, object);
      if (saysNull.has(name)) assert.deepEqual(decodeProtobuf(table, type, encoded), withoutNulls(object));
      else assert.equal(hex(encoded), hex(bytes));
    });
  }
}

function typeOf({ apiVersion, kind }: Readonly<Record<string, unknown>>): string {
  const [version = '', group = ''] = String(apiVersion).split('/').reverse();
  return table.kind(group, version, String(kind))?.type ?? assert.fail(`no type of ${apiVersion} ${kind}`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])));
}
