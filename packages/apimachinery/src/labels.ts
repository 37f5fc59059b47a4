import { newBadRequest } from './status-errors.ts';
import type { LabelSelector } from './meta.ts';
import { getOwn, hasOwn, type WireMap } from './maps.ts';
import { isQualifiedName, isValidLabelValue } from './names.ts';

type Operator = '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<';

interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** A parsed label selector: which label sets match (apimachinery pkg/labels). */
export interface LabelMatcher {
  /** Matches everything: the empty selector. */
  readonly everything: boolean;
  matches(labels: WireMap | undefined): boolean;
  /** The selector as text, keys in order. */
  toString(): string;
}

export const everything: LabelMatcher = { everything: true, matches: () => true, toString: () => '' };
export const nothing: LabelMatcher = { everything: false, matches: () => false, toString: () => '<nothing>' };

/** `a=b,c!=d,e in (f,g),!h,i` → matcher. Throws a 400 StatusError in upstream's words. */
export function parseLabelSelector(text: string): LabelMatcher {
  if (text.trim() === '') return everything;
  return matcherOf(new SelectorParser(text).parse());
}

/** From the `selector` of an object: undefined matches nothing, the empty one everything. */
export function labelMatcher(selector: LabelSelector | undefined): LabelMatcher {
  if (selector === undefined) return nothing;
  const requirements: Requirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) requirements.push({ key, operator: '=', values: [value] });
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = operators[operator];
    if (known === undefined) throw newBadRequest(`"${operator}" is not a valid label selector operator`);
    requirements.push({ key, operator: known, values });
  }
  return requirements.length === 0 ? everything : matcherOf(requirements);
}

/** Matches labels that have every entry of `set`. */
export function matcherOfSet(set: WireMap | undefined): LabelMatcher {
  return labelMatcher({ matchLabels: set ?? {} });
}

const operators: Readonly<Record<string, Operator | undefined>> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

function matcherOf(requirements: readonly Requirement[]): LabelMatcher {
  return {
    everything: false,
    matches: (labels) => requirements.every((requirement) => holds(requirement, labels)),
    toString: () => [...requirements].sort((a, b) => (a.key < b.key ? -1 : 1)).map(printed).join(','),
  };
}

function holds({ key, operator, values }: Requirement, labels: WireMap | undefined): boolean {
  const value = getOwn(labels, key);
  switch (operator) {
    case '=':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return hasOwn(labels, key);
    case '!':
      return !hasOwn(labels, key);
    case '>':
    case '<': {
      const limit = integerValue(values[0]);
      const number = integerValue(value);
      if (limit === undefined || number === undefined) return false;
      return operator === '>' ? number > limit : number < limit;
    }
  }
}

function printed({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    case '=':
    case '!=':
    case '>':
    case '<':
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

function integerValue(text: string | undefined): number | undefined {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

/** Recursive descent over the selector's few tokens. */
class SelectorParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/[()!,=<>]=?|[^\s()!,=<>]+/g) ?? [];
  }

  parse(): readonly Requirement[] {
    const requirements = [this.#requirement()];
    while (this.#peek() === ',') {
      this.#at++;
      requirements.push(this.#requirement());
    }
    if (this.#peek() !== '') throw this.#error(this.#peek(), "',' or 'end of string'");
    return requirements;
  }

  #requirement(): Requirement {
    if (this.#peek() === '!') {
      this.#at++;
      return { key: this.#key(), operator: '!', values: [] };
    }
    const key = this.#key();
    const operator = this.#peek();
    switch (operator) {
      case '':
      case ',':
        return { key, operator: 'exists', values: [] };
      case '=':
      case '==':
        this.#at++;
        return { key, operator: '=', values: [this.#value()] };
      case '!=':
        this.#at++;
        return { key, operator: '!=', values: [this.#value()] };
      case 'in':
      case 'notin':
        this.#at++;
        return { key, operator, values: this.#values() };
      case '>':
      case '<':
        this.#at++;
        return { key, operator, values: [this.#number(operator)] };
      default:
        throw this.#error(operator, 'in, notin, =, ==, !=, gt, lt');
    }
  }

  #key(): string {
    const token = this.#next();
    if (!/^[^()!,=<>]/.test(token)) throw this.#error(token, "!, identifier, or 'end of string'");
    const [fault] = isQualifiedName(token);
    if (fault !== undefined) throw newBadRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(token)}: ${fault}`);
    return token;
  }

  #value(): string {
    const token = this.#peek();
    if (token === '' || token === ',') return '';
    this.#at++;
    if (!/^[^()!,=<>]/.test(token)) throw this.#error(token, 'identifier');
    return checkedValue(token);
  }

  #number(operator: string): string {
    const token = this.#value();
    if (integerValue(token) === undefined) {
      throw newBadRequest(`unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(token)}: for 'Gt', 'Lt' operators, the value must be an integer (${operator})`);
    }
    return token;
  }

  #values(): readonly string[] {
    if (this.#next() !== '(') throw this.#error(this.#tokens[this.#at - 1] ?? '', "'('");
    const values: string[] = [];
    for (;;) {
      values.push(this.#peek() === ')' || this.#peek() === ',' ? '' : this.#value());
      const next = this.#next();
      if (next === ')') return values;
      if (next !== ',') throw this.#error(next, "',' or ')'");
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

  #error(found: string, expected: string): Error {
    return newBadRequest(`unable to parse requirement: found '${found}', expected: ${expected}`);
  }
}

function checkedValue(value: string): string {
  const [fault] = isValidLabelValue(value);
  if (fault !== undefined) throw newBadRequest(`unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: ${fault}`);
  return value;
}
