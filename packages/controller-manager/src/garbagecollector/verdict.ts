import type { KubeObject, OwnerReference } from '@coracle/apimachinery';
import { foregroundFinalizer, orphanFinalizer } from './graph.ts';

/** How one owner of an object is, as the server says now. */
export type OwnerState =
  | 'present'
  /** Is being deleted in the foreground: waits for its dependents. */
  | 'waiting'
  | 'absent';

export type DependentVerdict =
  | { readonly do: 'keep' }
  /** Some owner is there: only the references to the others go. */
  | { readonly do: 'drop-references'; readonly uids: readonly string[] }
  | { readonly do: 'delete'; readonly propagation: 'Background' | 'Foreground' | 'Orphan'; readonly unblock: boolean };

/**
 * What becomes of an object with owners (garbagecollector.go attemptToDeleteItem). It stays as long as one owner does. When all
 * that are left wait for their dependents, it goes in the foreground too, so that its own dependents go before it; unless one of
 * these waits already, which is a circle: then it must not block anybody.
 */
export function dependentVerdict(
  object: KubeObject,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
  dependents: readonly { readonly deletingDependents: boolean }[],
): DependentVerdict {
  if (owners.length === 0) return { do: 'keep' };
  const leaving = owners.filter(({ state }) => state !== 'present');
  if (leaving.length === 0) return { do: 'keep' };
  if (leaving.length < owners.length) return { do: 'drop-references', uids: leaving.map(({ reference }) => reference.uid) };
  if (owners.some(({ state }) => state === 'waiting') && dependents.length > 0) {
    return { do: 'delete', propagation: 'Foreground', unblock: dependents.some(({ deletingDependents }) => deletingDependents) };
  }
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return { do: 'delete', propagation: 'Orphan', unblock: false };
  return { do: 'delete', propagation: finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background', unblock: false };
}
