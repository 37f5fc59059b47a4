import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { commonNameOfRequest } from './certificate-request.ts';

const file = path.join(import.meta.dirname, '../authorization/testdata/node-access.json');
const { csrs } = JSON.parse(readFileSync(file, 'utf8')) as { readonly csrs: Readonly<Record<string, string>> };
const pem = Buffer.from(csrs['n1'] ?? '', 'base64').toString('latin1');
const der = Buffer.from(/-----\n([\s\S]*?)-----END/.exec(pem)?.[1] ?? '', 'base64');
const framed = (bytes: Uint8Array): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;

test('commonNameOfRequest() finds it among the names of the subject', () => assert.equal(commonNameOfRequest(pem), 'system:node:n1'));

const bad: readonly { readonly name: string; readonly text: string; readonly want: RegExp }[] = [
  { name: 'no PEM', text: 'x', want: /PEM block type must be CERTIFICATE REQUEST/ },
  { name: 'nothing', text: framed(new Uint8Array()), want: /tags do not match/ },
  { name: 'another structure', text: framed(new Uint8Array([4, 1, 0])), want: /tags do not match/ },
  { name: 'a length beyond the end', text: framed(new Uint8Array([0x30, 5, 0x30, 0])), want: /data truncated/ },
  { name: 'an endless length', text: framed(new Uint8Array([0x30, 0x80, 0, 0])), want: /length too large/ },
  { name: 'a length of many bytes', text: framed(new Uint8Array([0x30, 0x88, 1, 1, 1, 1, 1, 1, 1, 1])), want: /length too large/ },
];
for (const { name, text, want } of bad)
  test(`commonNameOfRequest() refuses ${name}`, () => assert.throws(() => commonNameOfRequest(text), want));

test('commonNameOfRequest() refuses what is cut anywhere', () => {
  for (let length = 0; length < der.length; length++) assert.throws(() => commonNameOfRequest(framed(der.subarray(0, length))), RangeError);
});
