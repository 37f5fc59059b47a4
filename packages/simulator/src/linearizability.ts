/**
 * One operation of a history: what a client asked, when, and what it was told. Times are of one clock that all clients
 * share and that never gives the same instant twice to a return and a later call: a counter of events is best.
 */
export interface RecordedCall<Input, Output> {
  readonly client: string;
  readonly input: Input;
  readonly calledAt: number;
  /** Absent when the client never learned the outcome: the operation may have happened, at any time since, or never. */
  readonly returned?: { readonly at: number; readonly output: Output };
}

/** What the operations mean, one at a time. States are immutable. */
export interface SequentialModel<State, Input, Output> {
  initial(): State;
  /** The state after `input` when `output` is what it may answer in `state`; undefined when it is not. */
  apply(state: State, input: Input, output: Output): State | undefined;
  /** The states to which `input` may have led, whatever it answered. That it never happened needs no state. */
  applyUnknown(state: State, input: Input): readonly State[];
  /** Equal for equal states. */
  fingerprint(state: State): string;
}

export type LinearizabilityResult<Input, Output> =
  | { readonly verdict: 'linearizable'; readonly order: readonly RecordedCall<Input, Output>[] }
  | {
      readonly verdict: 'not linearizable';
      /** The longest sequence that explains the clients' answers. */
      readonly order: readonly RecordedCall<Input, Output>[];
      /** The operations of which one had to come next, and none could. */
      readonly stuck: readonly RecordedCall<Input, Output>[];
    }
  /** The search was given up after `maxSteps`. */
  | { readonly verdict: 'undecided' };

/**
 * Looks for an order of the operations in which each answer is right and nothing that had returned comes after what was
 * called later (Wing and Gong; Lowe's memo of what was tried). Exponential in the number of operations that overlap,
 * linear in the length of the history: partition a history by key where the operations allow it.
 *
 * @example
 * const result = checkLinearizability(register, history);
 * if (result.verdict === 'not linearizable') console.error('nothing explains', result.stuck);
 */
export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  history: readonly RecordedCall<Input, Output>[],
  { maxSteps = 10_000_000 }: { readonly maxSteps?: number } = {},
): LinearizabilityResult<Input, Output> {
  const search = new Search(model, history);
  for (let steps = 0; steps < maxSteps; steps++) {
    const result = search.step();
    if (result !== undefined) return result;
  }
  return { verdict: 'undecided' };
}

/** A place in the search: which operations are done, in which state, and which of those that may follow was tried. */
interface Place<State> {
  readonly before: Place<State> | undefined;
  readonly depth: number;
  readonly state: State;
  /** Number of the operation that led here; -1 at the start. */
  readonly placed: number;
  /** Operations before it, in order of call, are done, but for `skipped`. */
  readonly frontier: number;
  readonly skipped: readonly number[];
  readonly open: number;
  /** What may come next, as (operation, state after it), and how many of these were tried. */
  readonly next: readonly (readonly [operation: number, state: State])[];
  tried: number;
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #calls: readonly RecordedCall<Input, Output>[];
  readonly #seen = new Set<string>();
  /** Undefined once everything was tried. */
  #here: Place<State> | undefined;
  #deepest: Place<State>;

  constructor(model: SequentialModel<State, Input, Output>, history: readonly RecordedCall<Input, Output>[]) {
    for (const { client, calledAt, returned } of history) {
      if (returned !== undefined && returned.at < calledAt)
        throw new RangeError(`Operation of client "${client}" returned at ${returned.at}, before it was called at ${calledAt}`);
    }
    this.#model = model;
    this.#calls = history.toSorted((a, b) => a.calledAt - b.calledAt);
    const open = history.filter(({ returned }) => returned !== undefined).length;
    this.#deepest = this.#place({ before: undefined, state: model.initial(), placed: -1, frontier: 0, skipped: [], open });
    this.#here = this.#deepest;
  }

  /** One move, forth or back. The result once there is one. */
  step(): LinearizabilityResult<Input, Output> | undefined {
    const here = this.#here;
    if (here === undefined) {
      return { verdict: 'not linearizable', order: this.#orderOf(this.#deepest), stuck: this.#named(this.#mayFollow(this.#deepest)) };
    }
    // Operations of unknown outcome need not have happened.
    if (here.open === 0) return { verdict: 'linearizable', order: this.#orderOf(here) };
    const next = here.next[here.tried++];
    if (next === undefined) {
      this.#here = here.before;
      return undefined;
    }
    const there = this.#after(here, ...next);
    if (there === undefined) return undefined;
    this.#here = there;
    if (there.depth > this.#deepest.depth) this.#deepest = there;
    return undefined;
  }

  /** Undefined where the same operations have led to the same state before. */
  #after(here: Place<State>, operation: number, state: State): Place<State> | undefined {
    const skipped = here.skipped.filter((other) => other !== operation);
    for (let other = here.frontier; other < operation; other++) skipped.push(other);
    const frontier = Math.max(here.frontier, operation + 1);
    const key = `${frontier} ${skipped.join()} ${this.#model.fingerprint(state)}`;
    if (this.#seen.has(key)) return undefined;
    this.#seen.add(key);
    const open = here.open - (this.#calls[operation]?.returned === undefined ? 0 : 1);
    return this.#place({ before: here, state, placed: operation, frontier, skipped, open });
  }

  #place(place: Omit<Place<State>, 'depth' | 'next' | 'tried'>): Place<State> {
    const next = this.#mayFollow(place).flatMap((operation) =>
      this.#outcomes(place.state, operation).map((state): [number, State] => [operation, state]),
    );
    return { ...place, depth: (place.before?.depth ?? -1) + 1, next, tried: 0 };
  }

  /** Operations that are not done and were called before any of these had returned. */
  #mayFollow({ frontier, skipped }: Pick<Place<State>, 'frontier' | 'skipped'>): readonly number[] {
    const found: number[] = [];
    let firstReturn = Number.POSITIVE_INFINITY;
    const take = (operation: number): boolean => {
      const call = this.#calls[operation];
      if (call === undefined || call.calledAt > firstReturn) return false;
      found.push(operation);
      firstReturn = Math.min(firstReturn, call.returned?.at ?? Number.POSITIVE_INFINITY);
      return true;
    };
    if (skipped.every(take)) for (let operation = frontier; take(operation); operation++);
    return found;
  }

  #outcomes(state: State, operation: number): readonly State[] {
    const call = this.#calls[operation];
    if (call === undefined) return [];
    if (call.returned === undefined) return this.#model.applyUnknown(state, call.input);
    const after = this.#model.apply(state, call.input, call.returned.output);
    return after === undefined ? [] : [after];
  }

  #orderOf(place: Place<State>): readonly RecordedCall<Input, Output>[] {
    const order: number[] = [];
    for (let at = place; at.before !== undefined; at = at.before) order.push(at.placed);
    return this.#named(order.toReversed());
  }

  #named(operations: readonly number[]): readonly RecordedCall<Input, Output>[] {
    return operations.flatMap((operation) => this.#calls[operation] ?? []);
  }
}
