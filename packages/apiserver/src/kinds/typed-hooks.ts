import type { FieldError, KubeObject } from '@coracle/apimachinery';
import type { RequestContext, Strategy } from '../registry/definition.ts';
import type { KindHooks } from '../registry/kind-hooks.ts';

/** The part of a strategy that handles objects, by the type that the kind's struct has. */
export interface TypedRules<T> {
  prepareForCreate?(object: T, context: RequestContext): T;
  prepareForUpdate?(object: T, old: T, context: RequestContext): T;
  validate?(object: T, context: RequestContext): readonly FieldError[];
  validateUpdate?(object: T, old: T, context: RequestContext): readonly FieldError[];
  warnings?(object: T, old: T | undefined): readonly string[];
}

export type TypedStrategy<T> = TypedRules<T> & Omit<Strategy, keyof TypedRules<T>>;

export interface TypedHooks<T> {
  default?(object: T): T;
  readonly strategy?: TypedStrategy<T>;
  readonly statusStrategy?: TypedRules<T>;
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
}

/**
 * Hooks written against the kind's type as hooks of the registry, which knows only that it has objects. Sound because `decode`
 * has built every object from the facts about the same struct: wrong types are refused before a hook sees them.
 */
export function hooksFor<T extends KubeObject>(hooks: TypedHooks<T>): KindHooks {
  return hooks as unknown as KindHooks; // see above: T is what decode made of an ApiObject of this kind
}

/** Text of a path in a kind's object that may be absent: '' then, as field selectors compare it. */
export function selectable<T>(read: (object: T) => string | boolean | number | undefined): (object: T) => string {
  return (object) => String(read(object) ?? '');
}

/** `object` with `spec` replaced, unless it stays the same. */
export function withSpec<T extends { readonly spec?: S }, S>(object: T, spec: S): T {
  return spec === object.spec ? object : { ...object, spec };
}
