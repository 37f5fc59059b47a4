import { type Assertion, isWordCharacter, parseGoRegexp, type RegexpNode, RegexpSyntaxError } from './go-regexp-syntax.ts';

/** Steps of a program; beyond these a pattern is refused, which bounds the work for each character of a text. */
const maxSteps = 20_000;

type Step =
  | { readonly is: 'class'; readonly holds: (codePoint: number) => boolean; readonly next: number }
  | { readonly is: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly is: 'split'; readonly next: readonly number[] }
  | { readonly is: 'match' };

/**
 * A regular expression in the syntax and with the meaning of Go's (RE2), in time linear in the text: patterns come from whoever
 * may write a CustomResourceDefinition, and texts from others, so that JavaScript's backtracking would be a way to stop the
 * server. Runs all alternatives at once (Thompson, 1968); says whether a text matches, nothing more.
 */
export class GoRegexp {
  readonly #steps: readonly Step[];
  readonly #start: number;

  /** Throws RegexpSyntaxError with Go's message. */
  constructor(pattern: string) {
    const builder = new ProgramBuilder(pattern);
    const match = builder.add({ is: 'match' });
    this.#start = builder.build(parseGoRegexp(pattern), match);
    this.#steps = builder.steps;
  }

  /** Whether any part of `text` matches. */
  test(text: string): boolean {
    let current = new Threads(this.#steps);
    let next = new Threads(this.#steps);
    let before = -1;
    for (let at = 0; ; ) {
      const codePoint = text.codePointAt(at) ?? -1;
      current.add(this.#start, before, codePoint);
      if (current.hasMatch) return true;
      if (codePoint < 0) return false;
      at += codePoint > 0xffff ? 2 : 1;
      const after = text.codePointAt(at) ?? -1;
      for (const step of current.waiting) if (step.holds(codePoint)) next.add(step.next, codePoint, after);
      current.clear();
      [current, next] = [next, current];
      before = codePoint;
    }
  }
}

type Waiting = Extract<Step, { is: 'class' }>;

/** The places that a program is at, each once. */
class Threads {
  readonly waiting: Waiting[] = [];
  hasMatch = false;
  readonly #steps: readonly Step[];
  readonly #seen: Uint32Array;
  #generation = 1;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.#seen = new Uint32Array(steps.length);
  }

  /** Follows all that consumes nothing; `before` and `after` are the characters around this place, -1 beyond the text. */
  add(start: number, before: number, after: number): void {
    const todo = [start];
    for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
      const step = this.#steps[place];
      if (step === undefined || this.#seen[place] === this.#generation) continue;
      this.#seen[place] = this.#generation;
      if (step.is === 'match') this.hasMatch = true;
      else if (step.is === 'class') this.waiting.push(step);
      else if (step.is === 'split') todo.push(...step.next);
      else if (isTrue(step.what, before, after)) todo.push(step.next);
    }
  }

  clear(): void {
    this.waiting.length = 0;
    this.hasMatch = false;
    this.#generation++;
  }
}

function isTrue(what: Assertion, before: number, after: number): boolean {
  switch (what) {
    case 'text start':
      return before < 0;
    case 'text end':
      return after < 0;
    case 'line start':
      return before < 0 || before === 0x0a;
    case 'line end':
      return after < 0 || after === 0x0a;
    case 'word boundary':
      return isWordCharacter(before) !== isWordCharacter(after);
    case 'no word boundary':
      return isWordCharacter(before) === isWordCharacter(after);
  }
}

class ProgramBuilder {
  readonly steps: Step[] = [];
  readonly #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  add(step: Step): number {
    if (this.steps.length >= maxSteps) throw new RegexpSyntaxError('expression too large', this.#pattern);
    return this.steps.push(step) - 1;
  }

  /** Where to enter so that `node` is matched and then `next`. */
  build(node: RegexpNode, next: number): number {
    switch (node.is) {
      case 'empty':
        return next;
      case 'class':
        return this.add({ is: 'class', holds: node.holds, next });
      case 'assert':
        return this.add({ is: 'assert', what: node.what, next });
      case 'all':
        return node.of.reduceRight((behind, part) => this.build(part, behind), next);
      case 'any':
        return this.add({ is: 'split', next: node.of.map((part) => this.build(part, next)) });
      case 'repeat': {
        let entry = node.max === undefined ? this.#loop(node.of, next) : next;
        for (let i = node.min; i < (node.max ?? 0); i++) entry = this.add({ is: 'split', next: [this.build(node.of, entry), next] });
        for (let i = 0; i < node.min; i++) entry = this.build(node.of, entry);
        return entry;
      }
    }
  }

  #loop(node: RegexpNode, next: number): number {
    const entries: number[] = [next];
    const split = this.add({ is: 'split', next: entries });
    entries.push(this.build(node, split));
    return split;
  }
}
