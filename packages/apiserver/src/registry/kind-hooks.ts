import type { Unstructured } from '@coracle/apimachinery';
import type { ApiObject, ResourceDefinition, Strategy } from './definition.ts';

/**
 * What a built-in kind does beyond its row of facts: the part of a `ResourceDefinition` that is written by hand. All pure.
 * Rows without hooks are served with the rules that all kinds share.
 */
export interface KindHooks {
  /** Fills in defaults, as upstream's SetDefaults functions and the defaults in nested types do; idempotent. */
  default?(object: Unstructured): Unstructured;
  readonly strategy?: Strategy;
  /** Rules of `/status` where they differ from: all but status is the stored object's. */
  readonly statusStrategy?: Strategy;
  readonly selectableFields?: ResourceDefinition['selectableFields'];
}

/** The cells of an object's row in a Table, in the order of its columns; `nowMs` for ages. */
export type Cells = (object: ApiObject, nowMs: number) => readonly unknown[];
