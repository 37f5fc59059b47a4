/** Where and why JSON text is not JSON. `message` is what Go's decoder says, which clients see. */
export class JsonSyntaxError extends SyntaxError {
  override readonly name = 'JsonSyntaxError';
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Reads JSON exactly: integers beyond ±(2^53−1) become bigint, a repeated key is noted (the last value wins), every key is
 * an own property. An order slower than the native parser: used where that one would lose something, and for errors.
 */
export class ExactReader {
  readonly duplicates: string[] = [];
  readonly #text: string;
  readonly #bigints: boolean;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, options: { readonly bigints: boolean }) {
    this.#text = text;
    this.#bigints = options.bigints;
  }

  /** The one value of the text. Depth was checked before. */
  read(): unknown {
    const value = this.#value('looking for beginning of value');
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value');
    return value;
  }

  #value(context: string): unknown {
    this.#space();
    const char = this.#text[this.#at];
    switch (char) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        if (char !== undefined && (char === '-' || (char >= '0' && char <= '9'))) return this.#number();
        throw this.#unexpected(context);
    }
  }

  #object(): unknown {
    const object: Record<string, unknown> = {};
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return object;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string');
      const key = this.#string();
      if (Object.hasOwn(object, key)) this.duplicates.push(pathText([...this.#path, key]));
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key');
      this.#at++;
      this.#path.push(key);
      const value = this.#value('looking for beginning of value');
      this.#path.pop();
      // Assignment would set the prototype for one key.
      if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== '}') throw this.#unexpected('after object key:value pair');
      this.#at++;
      if (next === '}') return object;
    }
  }

  #array(): unknown {
    const array: unknown[] = [];
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#at++;
      return array;
    }
    for (;;) {
      this.#path.push(array.length);
      array.push(this.#value('looking for beginning of value'));
      this.#path.pop();
      this.#space();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== ']') throw this.#unexpected('after array element');
      this.#at++;
      if (next === ']') return array;
    }
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (; this.#text[end] !== '"'; end++) {
      const code = this.#text.charCodeAt(end);
      if (Number.isNaN(code)) throw new JsonSyntaxError('unexpected end of JSON input', end);
      if (code < 0x20) {
        this.#at = end;
        throw this.#unexpected('in string literal');
      }
      if (this.#text[end] === '\\') end++;
    }
    this.#at = end + 1;
    const literal = this.#text.slice(start, this.#at);
    if (!literal.includes('\\')) return literal.slice(1, -1);
    try {
      return JSON.parse(literal) as string; // a quoted literal
    } catch (error) {
      throw new JsonSyntaxError('invalid character in string escape code', start + (error instanceof SyntaxError ? 1 : 0));
    }
  }

  #number(): number | bigint {
    const match = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) {
      this.#at++;
      throw this.#unexpected('in numeric literal');
    }
    const [literal] = found;
    this.#at += literal.length;
    const value = Number(literal);
    if (found[1] !== undefined || found[2] !== undefined || Number.isSafeInteger(value) || !this.#bigints) return value;
    return BigInt(literal);
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (this.#text[this.#at] !== word[i]) throw this.#unexpected(`in literal ${word} (expecting '${word[i] ?? ''}')`);
      this.#at++;
    }
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #unexpected(context: string): JsonSyntaxError {
    const char = this.#text[this.#at];
    if (char === undefined) return new JsonSyntaxError('unexpected end of JSON input', this.#at);
    return new JsonSyntaxError(`invalid character ${quoteChar(char)} ${context}`, this.#at);
  }
}

/** Go's quoting of a character in these messages. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const escaped = JSON.stringify(char).slice(1, -1);
  return `'${escaped}'`;
}

/** `spec.containers[0].name`: how strict errors name a field. */
function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}
