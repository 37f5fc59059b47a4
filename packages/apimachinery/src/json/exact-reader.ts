import { setOwn } from '../maps.ts';
import { goEscape } from '../quote.ts';

/** Where and why text is not JSON that can be held. `message` is what Go's decoder says, which clients see. */
export class JsonSyntaxError extends SyntaxError {
  override readonly name = 'JsonSyntaxError';
  /** Index of the character at which reading stopped. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** More faults of one document are not listed (sigs.k8s.io/json keeps 100 strict errors). */
const maxDuplicates = 100;

/** Digits of the longest integer literal that is kept as a bigint: more than any 64-bit integer has. */
const maxBigintDigits = 20;

/**
 * Reads JSON exactly: integers beyond ±(2^53−1) become bigint, a repeated key is noted (the last value wins), every key is
 * an own property. An order slower than the native parser: used where that one would lose something, and for errors.
 */
export class ExactReader {
  /** Paths of the keys that came again, each once, in the order in which they were met. */
  readonly duplicates: Set<string> = new Set();
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
      if (Object.hasOwn(object, key) && this.duplicates.size < maxDuplicates) this.duplicates.add(pathText([...this.#path, key]));
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key');
      this.#at++;
      this.#path.push(key);
      const value = this.#value('looking for beginning of value');
      this.#path.pop();
      setOwn(object, key, value);
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
    let escaped = false;
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (!(code >= 0x20)) throw this.#unexpected('in string literal'); // also the end of the text, whose code is NaN
      if (code !== 0x5c) continue;
      escaped = true;
      this.#at++;
      this.#escape();
    }
    this.#at++;
    const literal = this.#text.slice(start, this.#at);
    if (!escaped) return literal.slice(1, -1);
    const value = JSON.parse(literal) as string; // a valid literal of a string
    return value.toWellFormed(); // half of a surrogate pair becomes U+FFFD, as in Go
  }

  /** Checks what follows a backslash and stops at its last character. */
  #escape(): void {
    const kind = this.#text[this.#at];
    if (kind === undefined || !'"\\/bfnrtu'.includes(kind)) throw this.#unexpected('in string escape code');
    if (kind !== 'u') return;
    for (let i = 0; i < 4; i++) {
      this.#at++;
      if (!isHexDigit(this.#text.charCodeAt(this.#at))) throw this.#unexpected('in \\u hexadecimal character escape');
    }
  }

  #number(): number | bigint {
    const start = this.#at;
    if (this.#text[this.#at] === '-') this.#at++;
    // A number that starts with 0 ends there: what follows is judged by the caller.
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits('in numeric literal');
    let isInteger = true;
    if (this.#text[this.#at] === '.') {
      isInteger = false;
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      isInteger = false;
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#digits('in exponent of numeric literal');
    }
    const literal = this.#text.slice(start, this.#at);
    const value = Number(literal);
    if (!Number.isFinite(value)) throw new JsonSyntaxError(`json: cannot unmarshal number ${literal} into Go value of type float64`, start);
    if (!isInteger || !this.#bigints || Number.isSafeInteger(value) || literal.length > maxBigintDigits) return value;
    return BigInt(literal);
  }

  /** At least one digit. */
  #digits(context: string): void {
    if (!isDigit(this.#text.charCodeAt(this.#at))) throw this.#unexpected(context);
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
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
    const codePoint = this.#text.codePointAt(this.#at);
    if (codePoint === undefined) return new JsonSyntaxError('unexpected end of JSON input', this.#at);
    return new JsonSyntaxError(`invalid character ${quoteByte(codePoint)} ${context}`, this.#at);
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

/** Go's quoting of the offending byte: of a character beyond ASCII the first byte of its UTF-8 is shown. */
function quoteByte(codePoint: number): string {
  const char = String.fromCharCode(firstByte(codePoint));
  if (char === '"') return `'"'`;
  return char === "'" ? "'\\''" : `'${goEscape(char)}'`;
}

function firstByte(codePoint: number): number {
  if (codePoint < 0x80) return codePoint;
  if (codePoint < 0x800) return 0xc0 | (codePoint >> 6);
  if (codePoint < 0x1_0000) return 0xe0 | (codePoint >> 12);
  return 0xf0 | (codePoint >> 18);
}

/** `spec.containers[0].name`: how strict errors name a field. */
function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}
