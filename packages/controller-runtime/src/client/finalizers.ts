import { type Frozen, isInvalid, isNotFound, type KubeObject } from '@coracle/apimachinery';
import { metaOf, type ResourceHandle } from '@coracle/client';
import type { Client } from './client.ts';

/** Whether the object does not go before the finalizer is taken away (controllerutil.ContainsFinalizer). */
export function hasFinalizer(object: { readonly metadata: { readonly finalizers?: readonly string[] } }, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** `object`, or a copy that holds the finalizer (controllerutil.AddFinalizer). */
export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  if (hasFinalizer(object, finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...(object.metadata.finalizers ?? []), finalizer] } };
}

/** `object`, or a copy without the finalizer (controllerutil.RemoveFinalizer). */
export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  if (!hasFinalizer(object, finalizer)) return object;
  const finalizers = (object.metadata.finalizers ?? []).filter((other) => other !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

/** What to do while an object is there, and before it goes. What either throws is thrown on, and the finalizer stays as it is. */
export interface FinalizerActions<T, R> {
  /** `example.com/cleanup` */
  readonly finalizer: string;
  /** The object is there, and does not go before it was cleaned up. */
  apply(object: Frozen<T>): Promise<R>;
  /** The object is to go. Called again until it does not throw; it must be idempotent. */
  cleanUp(object: Frozen<T>): Promise<void>;
}

/** Changes of finalizers that others make meanwhile, in a row, before the queue is left to try again. */
const mostTries = 5;

/**
 * Gives `object` its finalizer and runs `apply`, or, when it is being deleted, runs `cleanUp` and takes the finalizer away (kube-rs
 * runtime finalizer). Both are patches that hold only for this object and its finalizers as they were read, so that controllers of
 * other finalizers, and other writers, are never overwritten and never make this one wait. Resolves with what `apply` gave; undefined
 * when the object is going or gone.
 */
export async function reconcileFinalizer<T extends KubeObject, R>(
  client: Client,
  handle: ResourceHandle<T>,
  object: Frozen<T>,
  { finalizer, apply, cleanUp }: FinalizerActions<T, R>,
): Promise<R | undefined> {
  const change = { client, handle, finalizer };
  if (metaOf(object).deletionTimestamp === undefined) {
    const held = await add(change, object);
    return held === undefined ? undefined : apply(held);
  }
  if (!isHeld(object, finalizer)) return undefined;
  await cleanUp(object);
  await remove(change, object);
  return undefined;
}

interface Change<T extends KubeObject> {
  readonly client: Client;
  readonly handle: ResourceHandle<T>;
  readonly finalizer: string;
}

/** Undefined when the object is going or gone. */
async function add<T extends KubeObject>(change: Change<T>, object: Frozen<T>): Promise<Frozen<T> | undefined> {
  const { finalizer } = change;
  return untilApplied(change, object, (current) => {
    const { deletionTimestamp, finalizers = [] } = metaOf(current);
    if (deletionTimestamp !== undefined) return undefined;
    if (finalizers.includes(finalizer)) return 'done';
    // The server keeps a finalizer that is there twice: another's change since the read has to be seen.
    return finalizers.length === 0
      ? [test('/metadata/finalizers', null), { op: 'add', path: '/metadata/finalizers', value: [finalizer] }]
      : [test('/metadata/finalizers', finalizers), { op: 'add', path: '/metadata/finalizers/-', value: finalizer }];
  });
}

async function remove<T extends KubeObject>(change: Change<T>, object: Frozen<T>): Promise<void> {
  await untilApplied(change, object, (current) => {
    const path = `/metadata/finalizers/${(metaOf(current).finalizers ?? []).indexOf(change.finalizer)}`;
    return path.endsWith('/-1') ? 'done' : [test(path, change.finalizer), { op: 'remove', path }];
  });
}

type Operation = { readonly op: string; readonly path: string; readonly value?: unknown };

const test = (path: string, value: unknown): Operation => ({ op: 'test', path, value });

/** Applies what `patchOf` makes of the object, read anew each time that it came too late. Undefined: the object is gone, or nothing applies. */
async function untilApplied<T extends KubeObject>(
  { client, handle }: Change<T>,
  object: Frozen<T>,
  patchOf: (current: Frozen<T>) => readonly Operation[] | 'done' | undefined,
): Promise<Frozen<T> | undefined> {
  const { uid, namespace = '', name = '' } = metaOf(object);
  const key = { namespace, name };
  let current: Frozen<T> | undefined = object;
  for (let tries = 1; ; tries++) {
    const patch = patchOf(current);
    if (patch === undefined) return undefined;
    if (patch === 'done') return current;
    try {
      return await client.patch(handle, key, 'json', [test('/metadata/uid', uid), ...patch]);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isInvalid(error) || tries === mostTries) throw error;
    }
    current = await client.direct.get(handle, key);
    if (current === undefined || metaOf(current).uid !== uid) return undefined;
  }
}

function isHeld(object: unknown, finalizer: string): boolean {
  return metaOf(object).finalizers?.includes(finalizer) ?? false;
}
