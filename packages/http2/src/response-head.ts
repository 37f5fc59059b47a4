import { staticTable } from './hpack-tables.ts';
import type { HeaderFields } from './request-head.ts';

/** Index in the static table of a name, and of `:status` with a value. */
const names: ReadonlyMap<string, number> = new Map(staticTable.map(({ name }, i) => [name, i + 1] as const).reverse());
const statuses: ReadonlyMap<string, number> = new Map(
  staticTable.flatMap(({ name, value }, i) => (name === ':status' ? [[value, i + 1] as const] : [])),
);

/**
 * A header block (RFC 7541), each byte a character. Nothing is put into the peer's table, so that it is the same for every
 * connection and every answer: what our answers repeat is short.
 */
export type HeaderBlock = string;

/**
 * The header block of an answer. Names must be lower case. A value that HTTP does not allow is left out, as by Go's server;
 * other text than ASCII is sent in UTF-8.
 */
export function responseHead(status: number, headers: HeaderFields): HeaderBlock {
  const known = statuses.get(String(status));
  return (known === undefined ? literal(':status', String(status)) : String.fromCharCode(0x80 | known)) + trailerBlock(headers);
}

/** The header block of fields behind an answer. */
export function trailerBlock(fields: HeaderFields): HeaderBlock {
  let block = '';
  for (const name in fields) block += literal(name, fields[name] ?? '');
  return block;
}

/** What most answers say, by value: it is encoded once. */
const common: ReadonlyMap<string, { readonly name: string; readonly block: HeaderBlock }> = new Map(
  (
    [
      ['content-type', 'application/json'],
      ['content-type', 'application/vnd.kubernetes.protobuf'],
      ['cache-control', 'no-cache, private'],
    ] as const
  ).map(([name, value]) => [value, { name, block: encoded(name, value) }]),
);

function literal(name: string, value: string): string {
  const known = common.get(value);
  return known?.name === name ? known.block : encoded(name, value);
}

function encoded(name: string, value: string): string {
  if (/[^\t\x20-\x7e\x80-\uffff]/.test(value)) return '';
  const index = names.get(name) ?? 0;
  const head = index === 0 ? `\0${string(name)}` : integer(4, index);
  return head + string(/[^\0-\x7f]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value);
}

function string(text: string): string {
  return integer(7, text.length) + text;
}

function integer(prefixBits: number, value: number): string {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return String.fromCharCode(value);
  let text = String.fromCharCode(mask);
  let rest = value - mask;
  for (; rest > 0x7f; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}
