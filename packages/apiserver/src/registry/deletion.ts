import { formatTime } from '@coracle/apimachinery';
import type { ApiObject, ResourceDefinition, Strategy } from './definition.ts';

/** meta/v1 DeleteOptions, as far as the server acts on it. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  /** Deletes what cannot be read; refused for all that can. */
  readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
}

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** What a delete does: writes the object as `marked` where that is given, then takes it out or leaves it. */
export interface DeletionPlan {
  readonly marked?: ApiObject;
  readonly outcome: 'delete' | 'keep';
}

/**
 * An object with finalizers, or with a grace period, is marked, to be taken out when the last finalizer goes and the period is
 * over; any other is taken out at once. A kind that has grace periods is marked even when its period is 0, so that watchers see
 * it end (rest.BeforeDelete, updateForGracefulDeletionAndFinalizers).
 */
export function planDeletion(
  { strategy }: Pick<ResourceDefinition, 'strategy'>,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): DeletionPlan {
  const { metadata } = object;
  const before = metadata.finalizers ?? [];
  const finalizers = withPropagation(strategy, before, options);
  if (strategy.whenMarked !== undefined) {
    // Such kinds take their first delete as a wish, whatever holds them.
    if (metadata.deletionTimestamp === undefined)
      return { marked: strategy.whenMarked(marked(object, finalizers, 0, nowMs)), outcome: 'keep' };
    if (strategy.isHeld?.(object) === true) return { outcome: 'keep' };
  }
  const graceful = strategy.gracePeriodSeconds === undefined ? 'none' : gracefully(strategy, object, options, nowMs);
  if (graceful === 'pending') return { outcome: 'keep' };
  if (graceful === 'none') {
    if (finalizers.length === 0) return { outcome: 'delete' };
    const isSame = finalizers.length === before.length && finalizers.every((finalizer) => before.includes(finalizer));
    if (isSame && metadata.deletionTimestamp !== undefined) return { outcome: 'keep' };
    return { marked: marked(object, finalizers, 0, nowMs), outcome: 'keep' };
  }
  const { seconds, atMs } = graceful;
  return { marked: marked(object, finalizers, seconds, atMs), outcome: finalizers.length > 0 || seconds > 0 ? 'keep' : 'delete' };
}

/** `pending`: it is on its way out and this delete does not hasten it. */
function gracefully(
  strategy: Strategy,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): 'none' | 'pending' | { readonly seconds: number; readonly atMs: number } {
  const { deletionTimestamp, deletionGracePeriodSeconds: left } = object.metadata;
  // A negative period means the shortest there is.
  const wanted = options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  if (deletionTimestamp === undefined) {
    const seconds = strategy.gracePeriodSeconds?.(object, wanted);
    return seconds === undefined ? 'none' : { seconds, atMs: nowMs + seconds * 1000 };
  }
  if (left === undefined) return 'none';
  if (wanted === undefined || wanted >= left) return 'pending';
  return { seconds: wanted, atMs: Date.parse(deletionTimestamp) - (left - wanted) * 1000 };
}

/** The first marking is a change of what is wanted, for kinds that count those. */
function marked(object: ApiObject, finalizers: readonly string[], graceSeconds: number, atMs: number): ApiObject {
  const { finalizers: _old, generation, deletionTimestamp, ...metadata } = object.metadata;
  const isFirst = deletionTimestamp === undefined;
  const at = isFirst || Date.parse(deletionTimestamp) > atMs ? formatTime(atMs) : deletionTimestamp;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      deletionTimestamp: at,
      deletionGracePeriodSeconds: graceSeconds,
      ...(generation === undefined ? {} : { generation: isFirst ? generation + 1 : generation }),
    },
  };
}

/**
 * The garbage collector's finalizers as the request wants them; where it says nothing as the object has them; where that has
 * none either as its kind wants it (deletionFinalizersForGarbageCollection).
 */
function withPropagation(strategy: Strategy, finalizers: readonly string[], options: DeleteOptions): readonly string[] {
  const { propagation = 'background' } = strategy;
  if (propagation === 'none') return finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  const policy =
    options.propagationPolicy ?? (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background');
  const isDecided = finalizers.includes(orphanFinalizer) || finalizers.includes(foregroundFinalizer);
  if (policy === undefined && (isDecided || propagation === 'background')) return finalizers;
  const others = finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  if (policy === 'Orphan' || policy === undefined) return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}
