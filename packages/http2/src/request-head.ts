import type { HeaderField } from './hpack-tables.ts';

/** By lower-case name; what came several times is one value, joined. */
export type HeaderFields = Readonly<Record<string, string>>;

export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: HeaderFields;
  /** Of the fields that came several times: the values one by one. */
  readonly repeatedHeaders?: Readonly<Record<string, readonly string[]>>;
}

/** Belong to one connection of HTTP/1.1; in HTTP/2 they make a request malformed. */
const connectionFields: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** The fields of a block as a request; undefined when they are none (RFC 9113, HTTP Message Framing). */
export function requestHead(fields: readonly HeaderField[]): RequestHead | undefined {
  const pseudo: { ':method'?: string; ':path'?: string; ':scheme'?: string; ':authority'?: string } = {};
  const headers: Record<string, string> = {};
  let repeated: Record<string, string[]> | undefined; // seldom needed
  let isRegular = false;
  for (const { name, value, isValid } of fields) {
    if (!isValid) return undefined;
    if (name.charCodeAt(0) === 0x3a) {
      if (isRegular || !isPseudo(name) || pseudo[name] !== undefined) return undefined;
      pseudo[name] = value;
      continue;
    }
    isRegular = true;
    if (connectionFields.has(name) || (name === 'te' && value !== 'trailers')) return undefined;
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined) {
      headers[name] = value;
      continue;
    }
    headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
    repeated ??= Object.create(null) as Record<string, string[]>; // without inherited names
    const values = repeated[name];
    if (values === undefined) repeated[name] = [before, value];
    else values.push(value);
  }
  const { ':method': method = '', ':path': path = '', ':scheme': scheme = '' } = pseudo;
  if (method === '' || scheme === '' || !(path.startsWith('/') || (path === '*' && method === 'OPTIONS'))) return undefined;
  return repeated === undefined ? { method, path, headers } : { method, path, headers, repeatedHeaders: repeated };
}

/**
 * Reads the heads of one connection. A client sends the same fields again and again, but for the path: then the headers are those
 * of the request before, and nothing is made of them anew.
 */
export class RequestHeadReader {
  #fields: readonly HeaderField[] = [];
  #head: RequestHead | undefined;

  read(fields: readonly HeaderField[]): RequestHead | undefined {
    const last = this.#head;
    const path = last === undefined ? undefined : this.#newPath(fields, last.path);
    if (last !== undefined && path !== undefined) return { ...last, path };
    this.#fields = fields;
    this.#head = requestHead(fields);
    return this.#head;
  }

  /** The path, where all but that is as it was. */
  #newPath(fields: readonly HeaderField[], last: string): string | undefined {
    if (fields.length !== this.#fields.length) return undefined;
    let path = last;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      const before = this.#fields[i];
      if (field === undefined || before === undefined) return undefined;
      if (field === before || (field.name === before.name && field.value === before.value)) continue;
      if (field.name !== ':path' || before.name !== ':path' || !field.isValid || !field.value.startsWith('/')) return undefined;
      path = field.value;
    }
    return path;
  }
}

function isPseudo(name: string): name is ':method' | ':path' | ':scheme' | ':authority' {
  return name === ':method' || name === ':path' || name === ':scheme' || name === ':authority';
}
