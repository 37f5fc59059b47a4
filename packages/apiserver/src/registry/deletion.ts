import { formatTime } from '@coracle/apimachinery';
import type { ApiObject, ResourceDefinition } from './definition.ts';

/** meta/v1 DeleteOptions, as far as the server acts on it. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
}

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/**
 * What a delete does to an object: takes it out 'now', leaves it ('already' marked), or marks it, to be taken out when the
 * last finalizer goes and the grace period is over (rest.BeforeDelete, deletionFinalizersForGarbageCollection).
 */
export function markForDeletion(
  definition: ResourceDefinition,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): ApiObject | 'now' | 'already' {
  const grace = definition.strategy.gracePeriodSeconds?.(object, options.gracePeriodSeconds);
  const { metadata } = object;
  const held = definition.strategy.isHeld?.(object) === true;
  const mark = (...args: Parameters<typeof marked>): ApiObject => {
    const result = marked(...args);
    return definition.strategy.whenMarked?.(result) ?? result;
  };
  const finalizers = withPropagation(metadata.finalizers ?? [], options);
  const sameFinalizers = finalizers.length === (metadata.finalizers ?? []).length && finalizers.every((f) => metadata.finalizers?.includes(f));
  if (metadata.deletionTimestamp !== undefined) {
    const left = metadata.deletionGracePeriodSeconds ?? 0;
    const shorter = grace !== undefined && grace < left;
    if (!shorter && sameFinalizers && (left > 0 || finalizers.length > 0 || held)) return 'already';
    if (finalizers.length === 0 && !held && (shorter ? grace : left) === 0) return 'now';
    const seconds = shorter ? grace : left;
    const started = Date.parse(metadata.deletionTimestamp) - left * 1000;
    return mark(object, finalizers, seconds, shorter ? started + seconds * 1000 : Date.parse(metadata.deletionTimestamp));
  }
  if (finalizers.length === 0 && !held && (grace ?? 0) === 0) return 'now';
  return mark(object, finalizers, grace ?? 0, nowMs + (grace ?? 0) * 1000);
}

function marked(object: ApiObject, finalizers: readonly string[], graceSeconds: number, atMs: number): ApiObject {
  const { finalizers: _old, generation, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      deletionTimestamp: formatTime(atMs),
      deletionGracePeriodSeconds: graceSeconds,
      // Marking is a change of what is wanted, for kinds that count those.
      ...(generation === undefined ? {} : { generation: generation + 1 }),
    },
  };
}

/** The garbage collector's finalizers follow the propagation policy; without one they stay as they are. */
function withPropagation(finalizers: readonly string[], options: DeleteOptions): readonly string[] {
  const policy = options.propagationPolicy ?? (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return finalizers;
  const others = finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}
