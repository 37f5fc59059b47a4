import { fieldErrorBody } from './field-error.ts';
import { compareBytes } from './maps.ts';
import { isQualifiedName, isValidLabelValue } from './names.ts';
import { newBadRequest } from './status-errors.ts';

export type LabelOperator = '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

const tokenPattern = /==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g;
const symbolPattern = /^[=!(),<>]/;
const int64Limit = 2n ** 63n;

/** What strconv.ParseInt reads; undefined for anything else. */
export function int64Value(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?\d+$/.test(text) || text.length > 1_000) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value >= -int64Limit && value < int64Limit ? value : undefined;
}

/** The requirements of a selector's text in their order, none for an empty one. Throws a 400 in upstream's words. */
export function parseLabelRequirements(text: string): readonly LabelRequirement[] {
  return new SelectorParser(text.match(tokenPattern) ?? []).parse();
}

/** Recursive descent over the selector's few tokens (apimachinery pkg/labels/selector.go). The end is the empty token. */
class SelectorParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  parse(): readonly LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    if (this.#peek() === '') return requirements;
    if (!this.#startsRequirement()) throw newBadRequest(`found '${this.#peek()}', expected: !, identifier, or 'end of string'`);
    for (;;) {
      requirements.push(this.#requirement());
      const after = this.#next();
      if (after === '') return requirements;
      if (after !== ',') throw newBadRequest(`found '${after}', expected: ',' or 'end of string'`);
      if (!this.#startsRequirement()) throw newBadRequest(`found '${this.#peek()}', expected: identifier after ','`);
    }
  }

  #startsRequirement(): boolean {
    return this.#peek() === '!' || isIdentifier(this.#peek());
  }

  #requirement(): LabelRequirement {
    const isAbsent = this.#peek() === '!';
    if (isAbsent) this.#at++;
    const key = this.#key();
    if (isAbsent) return { key, operator: '!', values: [] };
    if (this.#peek() === '' || this.#peek() === ',') return { key, operator: 'exists', values: [] };
    const operator = this.#next();
    switch (operator) {
      case '=':
      case '==':
        return checked({ key, operator: '=', values: [this.#value()] });
      case '!=':
      case '>':
      case '<':
        return checked({ key, operator, values: [this.#value()] });
      case 'in':
      case 'notin':
        return checked({ key, operator, values: this.#values() });
      default:
        throw unparsable(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #key(): string {
    const token = this.#next();
    if (!isIdentifier(token)) throw unparsable(`found '${token}', expected: identifier`);
    const faults = isQualifiedName(token);
    if (faults.length > 0) throw unparsable(`<nil>: ${invalid(token, faults.join('; '))}`);
    return token;
  }

  #value(): string {
    const token = this.#peek();
    if (token === '' || token === ',') return '';
    this.#at++;
    if (!isIdentifier(token)) throw unparsable(`found '${token}', expected: identifier`);
    return token;
  }

  /** `(a,,b)`: what stands between commas, and may be nothing. */
  #values(): readonly string[] {
    const open = this.#next();
    if (open !== '(') throw unparsable(`found '${open}' expected: '('`);
    const values = new Set<string>();
    if (!isIdentifier(this.#peek()) && this.#peek() !== ',' && this.#peek() !== ')') {
      throw unparsable(`found '${this.#peek()}', expected: ',', ')' or identifier`);
    }
    for (;;) {
      const isValue = isIdentifier(this.#peek());
      values.add(isValue ? this.#next() : '');
      const after = this.#next();
      if (after === ')') return [...values].sort(compareBytes);
      if (after !== ',') throw unparsable(`found '${after}', expected: ',${isValue ? "' or ')'" : "', or identifier"}`);
    }
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #next(): string {
    const token = this.#peek();
    this.#at++;
    return token;
  }
}

function isIdentifier(token: string): boolean {
  return token !== '' && !symbolPattern.test(token);
}

function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const faults: string[] = [];
  for (const [i, value] of values.entries()) {
    if ((operator === '>' || operator === '<') && int64Value(value) === undefined) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      faults.push(`values[${i}]: ${invalid(value, detail)}`);
    }
  }
  for (const [i, value] of values.entries()) {
    const rules = isValidLabelValue(value);
    if (rules.length > 0) faults.push(`values[${i}][${key}]: ${invalid(value, rules.join('; '))}`);
  }
  if (faults.length === 0) return requirement;
  throw unparsable(faults.length === 1 ? faults.join() : `[${faults.join(', ')}]`);
}

function invalid(badValue: string, detail: string): string {
  return fieldErrorBody({ type: 'Invalid', field: '', badValue, detail });
}

function unparsable(why: string): Error {
  return newBadRequest(`unable to parse requirement: ${why}`);
}
