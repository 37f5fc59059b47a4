import type { Frozen } from '@coracle/apimachinery';

/** A value as text that was checked. It is made once, for all objects that hold it. */
export class Unread {
  readonly text: string;
  /** One character of the text is one byte: where texts are equal, bytes are. */
  readonly isExact: boolean;
  readonly #make: (text: string) => Frozen<object>;
  #value: Frozen<object> | undefined;

  /** `make`: the frozen value of such a text. */
  constructor(text: string, isExact: boolean, make: (text: string) => Frozen<object>) {
    this.text = text;
    this.isExact = isExact;
    this.#make = make;
  }

  get value(): Frozen<object> {
    this.#value ??= this.#make(this.text);
    return this.#value;
  }
}

/** A member of an object whose value is not made yet. */
export interface DeferredMember {
  readonly name: string;
  readonly unread: Unread;
}

/** Values by name. Shared by an object and what was made of it without that member being changed. */
type Held = Record<string, Unread>;

/** Where an object keeps what its accessors give. No enumerable property: copies, comparisons and clones do not see it. */
const heldMembers: unique symbol = Symbol('held members');

/** What prints objects calls this, and would else print accessors as such. */
const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom') as typeof inspectCustom; // it is unique in the registry

interface Holder {
  readonly [heldMembers]: Held;
}

type Inspect = (value: unknown, options: object) => string;

const inspection: PropertyDescriptor = {
  value(this: object, depth: number, options: object, inspect: Inspect): string {
    return inspect({ ...this }, { ...options, depth });
  },
};

/** The same accessor for every object, so that V8 gives all of them one shape. Bounded: names come from servers. */
const accessors = new Map<string, PropertyDescriptor>();
const mostAccessors = 256;

/** Undefined for names that are not deferred: `__proto__`, what is no word, and more different ones than any set of kinds has. */
function accessorOf(name: string): PropertyDescriptor | undefined {
  const known = accessors.get(name);
  if (known !== undefined || accessors.size === mostAccessors || !/^[A-Za-z][A-Za-z0-9]*$/.test(name)) return known;
  const made: PropertyDescriptor = {
    enumerable: true,
    get(this: Holder): unknown {
      return this[heldMembers][name]?.value;
    },
  };
  accessors.set(name, made);
  return made;
}

/** Whether a member of this name can be deferred. */
export function canDefer(name: string): boolean {
  return accessorOf(name) !== undefined;
}

/**
 * Gives `target` one more member for each in `deferred`, and freezes it. They are made when they are read for the first time, frozen then,
 * and stay the same object. It looks like any other to spread, `Object.keys`, `in`, JSON.stringify, structuredClone, deepStrictEqual and
 * console.log; only a property descriptor tells. Undefined, with `target` as it was, when it has one of these members.
 * Every name must be one that `canDefer`.
 */
export function defer(target: object, deferred: readonly DeferredMember[]): Frozen<object> | undefined {
  if (deferred.length === 0) return Object.freeze(target);
  const held: Held = {};
  for (const { name, unread } of deferred) {
    if (Object.hasOwn(target, name) || Object.hasOwn(held, name)) return undefined;
    held[name] = unread;
  }
  hold(target, held);
  for (const { name } of deferred) Object.defineProperty(target, name, accessors.get(name) ?? {});
  return Object.freeze(target);
}

/** As `defer`, but of a new object, in which deferred members take the places that they have in `source`. */
export function rebuilt(source: object, deferred: readonly DeferredMember[]): Frozen<object> {
  const held: Held = {};
  for (const { name, unread } of deferred) held[name] = unread;
  return made(source, held);
}

/** Whether `object` has deferred members. */
export function isDeferring(object: object): boolean {
  return heldMembers in object;
}

/** The deferred member of `object` with this name, whether it was read or not. */
export function unreadMember(object: object, name: string): Unread | undefined {
  const held = (object as Partial<Holder>)[heldMembers]; // whatever it is, it may be one
  return held !== undefined && Object.hasOwn(held, name) ? held[name] : undefined;
}

/**
 * `object` with another value of one member, undefined: without it. What is deferred stays so, and is made once for both. The value
 * must be frozen.
 */
export function withMember(object: object, name: string, value: unknown): Frozen<object> {
  const held = (object as Partial<Holder>)[heldMembers] ?? {}; // whatever it is, it may be one
  if (!Object.hasOwn(held, name)) return made(object, held, name, value);
  const { [name]: _, ...others } = held;
  return made(object, others, name, value);
}

function made(source: object, held: Held, changed?: string, value?: unknown): Frozen<object> {
  const target: Record<string, unknown> = {};
  for (const name in source) {
    if (name === changed) {
      if (value !== undefined) target[name] = value;
    } else if (Object.hasOwn(held, name)) Object.defineProperty(target, name, accessors.get(name) ?? {});
    // A member of this name would else be a prototype.
    else if (name === '__proto__') Object.defineProperty(target, name, { value: source[name as keyof typeof source], enumerable: true });
    else target[name] = source[name as keyof typeof source];
  }
  if (Object.keys(held).length > 0) hold(target, held);
  return Object.freeze(target);
}

function hold(target: object, held: Held): void {
  Object.defineProperty(target, heldMembers, { value: held });
  Object.defineProperty(target, inspectCustom, inspection);
}
