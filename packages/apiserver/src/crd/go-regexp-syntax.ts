/** What a pattern consists of: the operators of RE2 that decide whether a text matches (captures and greed do not). */
export type RegexpNode =
  | { readonly is: 'empty' }
  | { readonly is: 'class'; readonly holds: (codePoint: number) => boolean }
  | { readonly is: 'assert'; readonly what: Assertion }
  | { readonly is: 'all' | 'any'; readonly of: readonly RegexpNode[] }
  /** `max` undefined: without end. */
  | { readonly is: 'repeat'; readonly of: RegexpNode; readonly min: number; readonly max: number | undefined };

export type Assertion = 'text start' | 'text end' | 'line start' | 'line end' | 'word boundary' | 'no word boundary';

/** The pattern is none that Go compiles. `message` is Go's, without `error parsing regexp: `. */
export class RegexpSyntaxError extends SyntaxError {
  override readonly name = 'RegexpSyntaxError';

  constructor(what: string, where: string) {
    super(`${what}: \`${where}\``);
  }
}

const maxRepeat = 1_000;
const maxDepth = 1_000;

interface Flags {
  readonly fold: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
}

type CodePointTest = (codePoint: number) => boolean;

/** Reads a pattern in the syntax of Go's regexp/syntax with Perl's flags. Throws RegexpSyntaxError. */
export function parseGoRegexp(pattern: string): RegexpNode {
  const parser = new Parser(pattern);
  return parser.pattern();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #flags: Flags = { fold: false, multiline: false, dotAll: false };
  readonly #names = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  pattern(): RegexpNode {
    const node = this.#alternatives(0);
    if (this.#at < this.#text.length) throw new RegexpSyntaxError('unexpected )', this.#text);
    return node;
  }

  #alternatives(depth: number): RegexpNode {
    if (depth > maxDepth) throw new RegexpSyntaxError('expression nests too deeply', this.#text);
    const branches = [this.#sequence(depth)];
    while (this.#take('|')) branches.push(this.#sequence(depth));
    return branches.length === 1 && branches[0] !== undefined ? branches[0] : { is: 'any', of: branches };
  }

  #sequence(depth: number): RegexpNode {
    const items: RegexpNode[] = [];
    let repeatedFrom: number | undefined;
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) {
      const from = this.#at;
      const repeat = this.#repetition();
      if (repeat === undefined) {
        items.push(...this.#item(depth));
        repeatedFrom = undefined;
        continue;
      }
      const of = items.pop();
      if (of === undefined) throw new RegexpSyntaxError('missing argument to repetition operator', this.#text.slice(from, repeat.end));
      this.#at = repeat.end;
      this.#take('?');
      if (repeatedFrom !== undefined)
        throw new RegexpSyntaxError('invalid nested repetition operator', this.#text.slice(repeatedFrom, this.#at));
      const node: RegexpNode = { is: 'repeat', of, min: repeat.min, max: repeat.max };
      if (repeat.counted && largestRepeat(node) > maxRepeat)
        throw new RegexpSyntaxError('invalid repeat count', this.#text.slice(from, repeat.end));
      items.push(node);
      repeatedFrom = from;
    }
    if (items.length === 0) return { is: 'empty' };
    return items.length === 1 && items[0] !== undefined ? items[0] : { is: 'all', of: items };
  }

  /** The operator here, if there is one. A brace that is no count is a literal. */
  #repetition(): { readonly min: number; readonly max: number | undefined; readonly end: number; readonly counted: boolean } | undefined {
    const char = this.#text[this.#at];
    const end = this.#at + 1;
    if (char === '*') return { min: 0, max: undefined, end, counted: false };
    if (char === '+') return { min: 1, max: undefined, end, counted: false };
    if (char === '?') return { min: 0, max: 1, end, counted: false };
    if (char !== '{') return undefined;
    const [whole, low = '', comma = '', high = ''] =
      /^\{(0|[1-9]\d*)(,?)(0|[1-9]\d*)?\}/.exec(this.#text.slice(this.#at, this.#at + 32)) ?? [];
    if (whole === undefined || (comma === '' && high !== '')) return undefined;
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? undefined : Number(high);
    if (min > maxRepeat || (max !== undefined && (max > maxRepeat || max < min)))
      throw new RegexpSyntaxError('invalid repeat count', whole);
    return { min, max, end: this.#at + whole.length, counted: true };
  }

  /** One item, or the several literals of a quotation. */
  #item(depth: number): readonly RegexpNode[] {
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#group(depth);
      case '[':
        return [{ is: 'class', holds: this.#class() }];
      case '.':
        return [{ is: 'class', holds: this.#flags.dotAll ? () => true : (codePoint) => codePoint !== 0x0a }];
      case '^':
        return [{ is: 'assert', what: this.#flags.multiline ? 'line start' : 'text start' }];
      case '$':
        return [{ is: 'assert', what: this.#flags.multiline ? 'line end' : 'text end' }];
      case '\\':
        return this.#escape();
      default:
        return [this.#literal(char)];
    }
  }

  #literal(char: string): RegexpNode {
    const codePoint = char.codePointAt(0) ?? 0;
    return { is: 'class', holds: this.#folded((other) => other === codePoint) };
  }

  /** A group, or a change of the flags for what follows. */
  #group(depth: number): readonly RegexpNode[] {
    const outer = this.#flags;
    if (this.#sees('?')) {
      const from = this.#at - 1;
      const rest = this.#text.slice(from);
      if (/^\(\?P?</.test(rest)) this.#name(rest);
      else if (this.#flagChange(rest, from) === ')') return [];
    }
    const node = this.#alternatives(depth + 1);
    if (!this.#take(')')) throw new RegexpSyntaxError('missing closing )', this.#text);
    this.#flags = outer;
    return [node];
  }

  #name(rest: string): void {
    const end = rest.indexOf('>');
    if (end < 0) throw new RegexpSyntaxError('invalid named capture', rest);
    const head = rest.slice(0, end + 1);
    const name = head.slice(head.indexOf('<') + 1, -1);
    if (!/^\w+$/.test(name)) throw new RegexpSyntaxError('invalid named capture', head);
    if (this.#names.has(name)) throw new RegexpSyntaxError('duplicate capture group name', name);
    this.#names.add(name);
    this.#at += head.length - 1;
  }

  /** `(?i)` or `(?i:`: returns what ended it. */
  #flagChange(rest: string, from: number): ')' | ':' {
    let on = true;
    let sawFlag = false;
    const flags = { ...this.#flags };
    for (let i = 2; i < rest.length; i++) {
      const char = rest[i] ?? '';
      if (char === ')' || char === ':') {
        if (!on && !sawFlag) break;
        this.#flags = flags;
        this.#at = from + i + 1;
        return char;
      }
      if (char === '-' && on) {
        on = false;
        sawFlag = false;
        continue;
      }
      sawFlag = true;
      if (char === 'i') flags.fold = on;
      else if (char === 'm') flags.multiline = on;
      else if (char === 's') flags.dotAll = on;
      else if (char !== 'U') throw new RegexpSyntaxError('invalid or unsupported Perl syntax', rest.slice(0, i + 1));
    }
    throw new RegexpSyntaxError('missing closing )', this.#text);
  }

  #escape(): readonly RegexpNode[] {
    const from = this.#at - 1;
    if (this.#at >= this.#text.length) throw new RegexpSyntaxError('trailing backslash at end of expression', '');
    const assertion = assertions[this.#text[this.#at] ?? ''];
    if (assertion !== undefined) {
      this.#at++;
      return [{ is: 'assert', what: assertion }];
    }
    if (this.#take('Q')) {
      const end = this.#text.indexOf('\\E', this.#at);
      const quoted = this.#text.slice(this.#at, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#text.length : end + 2;
      return Array.from(quoted, (char) => this.#literal(char));
    }
    const set = this.#namedClass();
    if (set !== undefined) return [{ is: 'class', holds: set }];
    const codePoint = this.#escapedCodePoint(from);
    return [{ is: 'class', holds: this.#folded((other) => other === codePoint) }];
  }

  /** `\d`, `\pL`, `\p{Greek}` after their backslash; undefined for anything else. */
  #namedClass(): CodePointTest | undefined {
    const char = this.#text[this.#at] ?? '';
    const perl = perlClasses[char.toLowerCase()];
    if (perl !== undefined) {
      this.#at++;
      return /[DSW]/.test(char) ? (codePoint) => !perl(codePoint) : perl;
    }
    if (char !== 'p' && char !== 'P') return undefined;
    const [whole, braced, short] = /^[pP](?:\{(\^?[^}]*)\}|(.))/su.exec(this.#text.slice(this.#at)) ?? [];
    const named = braced ?? short ?? '';
    const isNegated = (char === 'P') !== named.startsWith('^');
    const property = unicodeProperty(named.replace(/^\^/, ''));
    if (whole === undefined || property === undefined) {
      throw new RegexpSyntaxError('invalid character class range', `\\${whole ?? this.#text.slice(this.#at)}`);
    }
    this.#at += whole.length;
    return (codePoint) => property.test(String.fromCodePoint(codePoint)) !== isNegated;
  }

  #escapedCodePoint(from: number): number {
    const char = this.#next();
    const control = controls[char];
    if (control !== undefined) return control;
    if (/[0-7]/.test(char)) {
      const [digits = ''] = /^[0-7]{0,2}/.exec(this.#text.slice(this.#at, this.#at + 2)) ?? [];
      if (char === '0' || digits !== '') {
        this.#at += digits.length;
        return Number.parseInt(char + digits, 8);
      }
    } else if (char === 'x') {
      const [whole, braced, pair] = /^(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(this.#text.slice(this.#at, this.#at + 32)) ?? [];
      const codePoint = Number.parseInt(braced ?? pair ?? '', 16);
      if (whole !== undefined && codePoint <= 0x10ffff) {
        this.#at += whole.length;
        return codePoint;
      }
    } else if (/^[!-/:-@[-`{-~ ]$/.test(char)) return char.charCodeAt(0);
    throw new RegexpSyntaxError('invalid escape sequence', this.#text.slice(from, this.#at));
  }

  /** A class in brackets, behind its `[`. */
  #class(): CodePointTest {
    const from = this.#at - 1;
    const isNegated = this.#take('^');
    const parts: CodePointTest[] = [];
    let isFirst = true;
    while (isFirst || !this.#sees(']')) {
      if (this.#at >= this.#text.length) throw new RegexpSyntaxError('missing closing ]', this.#text.slice(from));
      // A dash stands for itself at either end of the class only.
      if (this.#sees('-') && !isFirst && this.#text[this.#at + 1] !== ']') {
        throw new RegexpSyntaxError('invalid character class range', this.#text.slice(this.#at, this.#at + 2));
      }
      isFirst = false;
      parts.push(this.#posixClass() ?? this.#escapedClass() ?? this.#range(from));
    }
    this.#at++;
    return (codePoint) => parts.some((part) => part(codePoint)) !== isNegated;
  }

  #posixClass(): CodePointTest | undefined {
    if (!this.#text.startsWith('[:', this.#at)) return undefined;
    const end = this.#text.indexOf(':]', this.#at + 2);
    if (end < 0) return undefined;
    const whole = this.#text.slice(this.#at, end + 2);
    const isNegated = whole[2] === '^';
    const ranges = posixClasses.get(whole.slice(isNegated ? 3 : 2, -2));
    if (ranges === undefined) throw new RegexpSyntaxError('invalid character class range', whole);
    this.#at = end + 2;
    const holds = this.#folded((codePoint) => codePoint < 0x80 && ranges.test(String.fromCharCode(codePoint)));
    return isNegated ? (codePoint) => !holds(codePoint) : holds;
  }

  #escapedClass(): CodePointTest | undefined {
    if (!this.#sees('\\')) return undefined;
    this.#at++;
    const set = this.#namedClass();
    if (set === undefined) this.#at--;
    return set;
  }

  #range(classFrom: number): CodePointTest {
    const from = this.#at;
    const low = this.#classCodePoint(classFrom);
    let high = low;
    if (this.#sees('-') && this.#at + 1 < this.#text.length && this.#text[this.#at + 1] !== ']') {
      this.#at++;
      high = this.#classCodePoint(classFrom);
      if (high < low) throw new RegexpSyntaxError('invalid character class range', this.#text.slice(from, this.#at));
    }
    return this.#folded((codePoint) => codePoint >= low && codePoint <= high);
  }

  #classCodePoint(classFrom: number): number {
    if (this.#at >= this.#text.length) throw new RegexpSyntaxError('missing closing ]', this.#text.slice(classFrom));
    if (!this.#sees('\\')) return this.#next().codePointAt(0) ?? 0;
    const from = this.#at++;
    if (this.#at >= this.#text.length) throw new RegexpSyntaxError('trailing backslash at end of expression', '');
    return this.#escapedCodePoint(from);
  }

  /** `holds`, for any case of a character when the flag is on. */
  #folded(holds: CodePointTest): CodePointTest {
    if (!this.#flags.fold) return holds;
    return (codePoint) => {
      if (holds(codePoint)) return true;
      const char = String.fromCodePoint(codePoint);
      return holds(char.toLowerCase().codePointAt(0) ?? 0) || holds(char.toUpperCase().codePointAt(0) ?? 0);
    };
  }

  #sees(char: string): boolean {
    return this.#text[this.#at] === char;
  }

  #take(char: string): boolean {
    if (!this.#sees(char)) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    this.#at += char.length;
    return char;
  }
}

/** How often the innermost item of nested counts may come: Go bounds the product. */
function largestRepeat(node: RegexpNode): number {
  if (node.is === 'repeat') return Math.max(1, node.max ?? node.min) * largestRepeat(node.of);
  return node.is === 'all' || node.is === 'any' ? Math.max(1, ...node.of.map(largestRepeat)) : 1;
}

const assertions: Readonly<Record<string, Assertion>> = { A: 'text start', z: 'text end', b: 'word boundary', B: 'no word boundary' };
const controls: Readonly<Record<string, number>> = { a: 0x07, f: 0x0c, t: 0x09, n: 0x0a, r: 0x0d, v: 0x0b };
const perlClasses: Readonly<Record<string, CodePointTest>> = {
  d: (codePoint) => codePoint >= 0x30 && codePoint <= 0x39,
  s: (codePoint) => codePoint === 0x20 || codePoint === 0x09 || codePoint === 0x0a || codePoint === 0x0c || codePoint === 0x0d,
  w: isWordCharacter,
};
/** Of ASCII characters: others are in none. */
const posixClasses: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[0-9A-Za-z]/],
  ['alpha', /[A-Za-z]/],
  ['ascii', /./s],
  ['blank', /[\t ]/],
  ['cntrl', /\p{Cc}/u],
  ['digit', /[0-9]/],
  ['graph', /[!-~]/],
  ['lower', /[a-z]/],
  ['print', /[ -~]/],
  ['punct', /[!-/:-@[-`{-~]/],
  ['space', /[\t\n\v\f\r ]/],
  ['upper', /[A-Z]/],
  ['word', /[0-9A-Za-z_]/],
  ['xdigit', /[0-9A-Fa-f]/],
]);

export function isWordCharacter(codePoint: number): boolean {
  return (
    (codePoint >= 0x61 && codePoint <= 0x7a) ||
    (codePoint >= 0x41 && codePoint <= 0x5a) ||
    (codePoint >= 0x30 && codePoint <= 0x39) ||
    codePoint === 0x5f
  );
}

/** Go knows general categories by their short names, and scripts. */
function unicodeProperty(name: string): RegExp | undefined {
  if (name === 'Any') return /^.$/su;
  if (!/^[A-Z][A-Za-z_]*$/.test(name)) return undefined;
  const text = name.length <= 2 ? `General_Category=${name}` : `Script=${name}`;
  try {
    return new RegExp(`^\\p{${text}}$`, 'u');
  } catch {
    return undefined; // no property of that name
  }
}
