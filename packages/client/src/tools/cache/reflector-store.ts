import type { Frozen } from '@coracle/apimachinery';
import type { Transform } from './deltas.ts';

/** Where a reflector writes (tools/cache ReflectorStore). A throw is reported, and what could not be written is skipped. */
export interface ReflectorStore<T> {
  add(object: Frozen<T>): void;
  update(object: Frozen<T>): void;
  delete(object: Frozen<T>): void;
  /** `objects` is all there is at `resourceVersion`. `isTransformed`: `transform` was applied to each of them. */
  replace(objects: readonly Frozen<T>[], resourceVersion: string, isTransformed?: boolean): void;
  /** Hands out once more what is known, in stores for which that means something. */
  resync(): void;
  /** Nothing that matters here happened up to `resourceVersion`. */
  bookmark?(resourceVersion: string): void;
  /** Applied to what is written; a reflector that gathers a list applies it at once, so that what nobody reads is never kept. */
  readonly transform?: Transform<T> | undefined;
}
