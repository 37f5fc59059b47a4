import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
import { mergePatchBetween } from './merge-patch-between.ts';

/** What cleaning up left behind, where it left anything (finalizer.Finalizer). */
export interface CleanedUp<T> {
  /** The object with what there is to say about it, in its status for example. Default: as it was. Must not be the given one, changed. */
  readonly object?: T | Frozen<T>;
  /** Why it did not succeed, where `object` is to be kept all the same. The finalizer stays. */
  readonly error?: unknown;
}

/**
 * Undoes what belongs to an object that is to go. Called again until it neither throws nor returns an error; it must be idempotent.
 * With a throw goes what it changed.
 */
export type CleanUp<T> = (object: Frozen<T>) => Promise<CleanedUp<T> | void>;

/** What `Finalizers.finalize` made of an object (finalizer.Result). */
export interface Finalized<T> {
  /** To be written: nothing was sent. */
  readonly object: Frozen<T>;
  /** Whether anything but its status differs from what was given: `update` it. */
  readonly updated: boolean;
  /** Whether its status differs: `updateStatus`. Upstream believes what finalizers say; here both are compared. */
  readonly statusUpdated: boolean;
  /** Those that failed, to be thrown when `object` was written; undefined when none did. */
  readonly error: AggregateError | undefined;
}

/**
 * Several finalizers of one kind of objects (pkg/finalizer). It changes objects and writes none: where one finalizer is enough,
 * `reconcileFinalizer` writes it too, and so that no other writer is ever in its way.
 */
export class Finalizers<T extends KubeObject> {
  readonly #cleanUps = new Map<string, CleanUp<T>>();

  /** `finalizer` is its name in objects, `example.com/volumes`. Throws Error for one that is registered. */
  register(finalizer: string, cleanUp: CleanUp<T>): this {
    if (this.#cleanUps.has(finalizer)) throw new Error(`Finalizer ${JSON.stringify(finalizer)} is already registered`);
    this.#cleanUps.set(finalizer, cleanUp);
    return this;
  }

  /**
   * Gives the object each finalizer that it lacks; or, when it is being deleted, cleans up in the order of registration and takes away
   * the finalizers whose turn succeeded. One that fails keeps none of the others from theirs.
   */
  async finalize(object: Frozen<T>): Promise<Finalized<T>> {
    const isGoing = object.metadata.deletionTimestamp !== undefined;
    const failures: Error[] = [];
    let current = object;
    for (const [finalizer, cleanUp] of this.#cleanUps) {
      if (!isGoing) current = changed<T>(withFinalizer(mutable(current), finalizer));
      else if (hasFinalizer(current, finalizer)) {
        const { object: left = current, error } = await outcomeOf(cleanUp, current);
        if (error !== undefined) failures.push(failureOf(finalizer, error));
        current = changed<T>(error === undefined ? withoutFinalizer(mutable(left), finalizer) : left);
      }
    }
    const { status, ...rest } = (mergePatchBetween(object, current) ?? {}) as { readonly status?: unknown }; // of objects it is one
    return {
      object: current,
      updated: Object.keys(rest).length > 0,
      statusUpdated: status !== undefined,
      error: failures.length === 0 ? undefined : new AggregateError(failures, failures.map(({ message }) => message).join('; ')),
    };
  }
}

async function outcomeOf<T>(cleanUp: CleanUp<T>, object: Frozen<T>): Promise<CleanedUp<T>> {
  try {
    return (await cleanUp(object)) ?? {};
  } catch (error) {
    return { error: error ?? new Error('it threw nothing') };
  }
}

function failureOf(finalizer: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`finalizer ${JSON.stringify(finalizer)} failed: ${why}`, { cause });
}

// `withFinalizer` and its sister copy what they change: what is frozen stays as it is.
const mutable = <T>(object: T | Frozen<T>): T => object as T;

const changed = <T>(object: T | Frozen<T>): Frozen<T> => deepFreeze(object) as Frozen<T>; // frozen or not, it is one
