import { hasOwn } from '@coracle/apimachinery';
import { isJsonList, isJsonMap } from './json-value.ts';

/** The path is none that can be read. */
export class JsonPathError extends SyntaxError {
  override readonly name = 'JsonPathError';
}

type Step =
  | { readonly is: 'names'; readonly names: readonly string[] }
  | { readonly is: 'indexes'; readonly indexes: readonly number[] }
  | { readonly is: 'slice'; readonly from: number | undefined; readonly to: number | undefined; readonly by: number }
  | { readonly is: 'every' }
  | { readonly is: 'below' }
  | { readonly is: 'filter'; readonly left: Operand; readonly operator: Operator; readonly right: Operand };

type Operator = 'exists' | '==' | '!=' | '<' | '<=' | '>' | '>=';
type Operand = { readonly literal: string | number | boolean } | { readonly path: JsonPath };

/** Paths come from users: deeper ones are nonsense. */
const maxSteps = 100;

/**
 * A path to values of an object, in the part of kubectl's JSONPath (client-go util/jsonpath) that printer columns use: fields,
 * indexes, slices, unions, wildcards, `..` and filters such as `.status.conditions[?(@.type=="Ready")].status`.
 */
export class JsonPath {
  readonly #steps: readonly Step[];

  /** `text` with or without the braces of a template. Throws JsonPathError. */
  constructor(text: string) {
    const reader = new PathReader(text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text);
    this.#steps = reader.whole();
  }

  /** The values that the path leads to, in their order; none where a part of it is missing. */
  find(root: unknown): readonly unknown[] {
    let values: readonly unknown[] = [root];
    for (const step of this.#steps) values = values.flatMap((value) => [...follow(step, value)]);
    return values;
  }
}

function* follow(step: Step, value: unknown): Iterable<unknown> {
  switch (step.is) {
    case 'names':
      if (isJsonMap(value)) for (const name of step.names) if (hasOwn(value, name)) yield value[name];
      return;
    case 'every':
      yield* children(value);
      return;
    case 'below':
      yield value;
      for (const inner of children(value)) yield* follow(step, inner);
      return;
    default:
      if (isJsonList(value)) yield* chosen(step, value);
  }
}

function children(value: unknown): readonly unknown[] {
  if (isJsonList(value)) return value;
  return isJsonMap(value) ? Object.values(value) : [];
}

function* chosen(step: Exclude<Step, { is: 'names' | 'every' | 'below' }>, list: readonly unknown[]): Iterable<unknown> {
  if (step.is === 'indexes') {
    for (const index of step.indexes) {
      const at = index < 0 ? index + list.length : index;
      if (at >= 0 && at < list.length) yield list[at];
    }
  } else if (step.is === 'slice') {
    const place = (index: number): number => Math.min(Math.max(index < 0 ? index + list.length : index, 0), list.length);
    for (let i = place(step.from ?? 0); i < place(step.to ?? list.length); i += step.by) yield list[i];
  } else {
    for (const item of list) if (holds(step, item)) yield item;
  }
}

function holds({ left, operator, right }: Extract<Step, { is: 'filter' }>, item: unknown): boolean {
  const first = valueOf(left, item);
  if (operator === 'exists') return first !== undefined;
  const second = valueOf(right, item);
  if (first === undefined || second === undefined || typeof first !== typeof second) return false;
  switch (operator) {
    case '==':
      return first === second;
    case '!=':
      return first !== second;
    case '<':
      return first < second;
    case '<=':
      return first <= second;
    case '>':
      return first > second;
    case '>=':
      return first >= second;
  }
}

function valueOf(operand: Operand, item: unknown): string | number | boolean | undefined {
  const value = 'literal' in operand ? operand.literal : operand.path.find(item)[0];
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

class PathReader {
  #rest: string;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.#rest = text;
  }

  whole(): readonly Step[] {
    const steps: Step[] = [];
    this.#take(/^[$@]/);
    while (this.#rest !== '') {
      if (steps.length >= maxSteps) throw this.#unreadable();
      steps.push(...this.#step());
    }
    return steps;
  }

  #step(): readonly Step[] {
    const bracket = this.#take(/^\[((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\]'"])*)\]/s);
    if (bracket !== undefined) return [bracketStep(bracket[1] ?? '', () => this.#unreadable())];
    if (this.#take(/^\.\./) !== undefined) return [{ is: 'below' }, ...(this.#rest.startsWith('[') ? [] : [this.#name()])];
    if (this.#take(/^\./) === undefined) throw this.#unreadable();
    // `.` alone is the value itself, and `.[0]` is `[0]`.
    return this.#rest === '' || this.#rest.startsWith('[') ? [] : [this.#name()];
  }

  #name(): Step {
    if (this.#take(/^\*/) !== undefined) return { is: 'every' };
    const name = this.#take(/^(?:[^.[\]\\{}]|\\.)+/s)?.[0];
    if (name === undefined) throw this.#unreadable();
    return { is: 'names', names: [unescaped(name)] };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.#rest) ?? undefined;
    if (found !== undefined) this.#rest = this.#rest.slice(found[0].length);
    return found;
  }

  #unreadable(): JsonPathError {
    return new JsonPathError(`Cannot read the JSON path "${this.#text}" at "${this.#rest}"`);
  }
}

/** The step that is between two brackets. */
function bracketStep(text: string, unreadable: () => Error): Step {
  const trimmed = text.trim();
  if (trimmed === '*') return { is: 'every' };
  const filter = /^\?\((.*)\)$/s.exec(trimmed)?.[1];
  if (filter !== undefined) return filterStep(filter, unreadable);
  const slice = /^(-?\d*)\s*:\s*(-?\d*)(?:\s*:\s*(\d+))?$/.exec(trimmed);
  if (slice !== null) {
    const [, from = '', to = '', by = '1'] = slice;
    if (Number(by) < 1) throw unreadable();
    return { is: 'slice', from: from === '' ? undefined : Number(from), to: to === '' ? undefined : Number(to), by: Number(by) };
  }
  const parts =
    trimmed
      .match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"]+/gs)
      ?.map((part) => part.trim())
      .filter((part) => part !== '') ?? [];
  if (parts.length > 0 && parts.every((part) => /^-?\d+$/.test(part))) return { is: 'indexes', indexes: parts.map(Number) };
  if (parts.length > 0 && parts.every((part) => /^(['"]).*\1$/s.test(part)))
    return { is: 'names', names: parts.map((part) => unescaped(part.slice(1, -1))) };
  throw unreadable();
}

function filterStep(text: string, unreadable: () => Error): Step {
  const sides = /^((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"=!<>])*?)\s*(==|!=|<=|>=|<|>)\s*(.+)$/s.exec(text.trim());
  const left = operand(sides?.[1] ?? text, unreadable);
  if (sides === null) return { is: 'filter', left, operator: 'exists', right: left };
  return { is: 'filter', left, operator: sides[2] as Operator, right: operand(sides[3] ?? '', unreadable) }; // one of those in the pattern
}

function operand(text: string, unreadable: () => Error): Operand {
  const trimmed = text.trim();
  if (/^[@$]/.test(trimmed)) return { path: new JsonPath(trimmed) };
  const quoted = /^(['"])(.*)\1$/s.exec(trimmed)?.[2];
  if (quoted !== undefined) return { literal: unescaped(quoted) };
  if (trimmed === 'true' || trimmed === 'false') return { literal: trimmed === 'true' };
  if (/^-?\d+(?:\.\d+)?$/.test(trimmed)) return { literal: Number(trimmed) };
  throw unreadable();
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1');
}
