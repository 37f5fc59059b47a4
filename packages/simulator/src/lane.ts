import type { Point } from '@coracle/kernel';
import { mix } from './seeded-random.ts';
import type { StepContext } from './step-context.ts';

/** One pending step. `context` is what the code that asked for it ran under. */
export interface Operation {
  readonly sequence: number;
  readonly at: Point;
  readonly context: StepContext;
  readonly run: () => void;
}

/** Pending steps in order of asking: only the first is a choice. */
export class Lane {
  readonly name: string;
  readonly hash: number;
  /** Position among the ready lanes, −1 when not ready (empty, held, or of a dead process). */
  readyIndex = -1;
  /** A held lane runs nothing before this virtual time. */
  heldUntilMs = 0;
  /** Steps that have run. */
  count = 0;
  #operations: Operation[] = [];
  #head = 0;

  constructor(name: string) {
    this.name = name;
    this.hash = mix(0, name);
  }

  get isEmpty(): boolean {
    return this.#head === this.#operations.length;
  }

  get first(): Operation | undefined {
    return this.#operations[this.#head];
  }

  push(operation: Operation): void {
    this.#operations.push(operation);
  }

  shift(): Operation | undefined {
    const operation = this.#operations[this.#head];
    if (operation === undefined) return undefined;
    this.#head++;
    this.count++;
    if (this.isEmpty) {
      this.#operations = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#operations = this.#operations.slice(this.#head);
      this.#head = 0;
    }
    return operation;
  }

  clear(): void {
    this.#operations = [];
    this.#head = 0;
  }
}
