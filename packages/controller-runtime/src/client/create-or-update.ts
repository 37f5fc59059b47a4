import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Client } from './client.ts';
import { mergePatchBetween } from './merge-patch-between.ts';
import { keyText, type ObjectKey } from './reader.ts';

/** What was done, and the object as it is on the server now (controllerutil.OperationResult). */
export interface CreateOrUpdateResult<T> {
  readonly operation: 'created' | 'updated' | 'unchanged';
  readonly object: Frozen<T>;
}

/** What was done, and the object as it is on the server now: `updated` without its status, `updatedStatus` with it (controllerutil.OperationResult). */
export interface CreateOrPatchResult<T> {
  readonly operation: 'created' | 'updated' | 'updatedStatus' | 'updatedStatusOnly' | 'unchanged';
  readonly object: Frozen<T>;
}

/** What an object is to be, made of its present state, which is undefined when it is absent. Must not change that, which is frozen. */
export type Mutate<T> = (current: Frozen<T> | undefined) => T | Frozen<T>;

/**
 * Makes the object what `mutate` returns (controllerutil.CreateOrUpdate). Reads past the cache; an update carries the resourceVersion
 * that was read, so that a conflict throws. Throws TypeError when `mutate` returns an object of another name or namespace. Upstream does
 * not write where only an empty map or list came or went; in JSON such a member may mean something (`emptyDir: {}`).
 */
export async function createOrUpdate<T extends KubeObject>(
  client: Client,
  handle: ResourceHandle<T>,
  key: ObjectKey,
  mutate: Mutate<T>,
): Promise<CreateOrUpdateResult<T>> {
  const live = client.live(handle, key.namespace);
  const current = await client.direct.get(handle, key);
  const wanted = wantedOf(handle, key, mutate, current);
  if (current === undefined) return { operation: 'created', object: await live.create(wanted) };
  if (mergePatchBetween(current, wanted) === undefined) return { operation: 'unchanged', object: current };
  return { operation: 'updated', object: await live.update(wanted) };
}

/**
 * As `createOrUpdate`, but sends no more than what `mutate` changed, as a merge patch: others' changes of other fields meanwhile stay, and
 * nothing conflicts (controllerutil.CreateOrPatch). The status goes by itself, to where it is kept; a kind that keeps none apart is
 * NotFound there. Of an object that is created, the server ignores it. A list is sent as a whole.
 */
export async function createOrPatch<T extends KubeObject>(
  client: Client,
  handle: ResourceHandle<T>,
  key: ObjectKey,
  mutate: Mutate<T>,
): Promise<CreateOrPatchResult<T>> {
  const live = client.live(handle, key.namespace);
  const current = await client.direct.get(handle, key);
  const wanted = wantedOf(handle, key, mutate, current);
  if (current === undefined) return { operation: 'created', object: await live.create(wanted) };
  const { status, ...patch } = (mergePatchBetween(current, wanted) ?? {}) as { readonly status?: unknown }; // of objects it is one
  let object = current;
  const hasPatch = Object.keys(patch).length > 0;
  if (hasPatch) object = await live.patch(key.name, 'merge', patch);
  if (status === undefined) return { operation: hasPatch ? 'updated' : 'unchanged', object };
  object = await live.patch(key.name, 'merge', { status }, { subresource: 'status' });
  return { operation: hasPatch ? 'updatedStatus' : 'updatedStatusOnly', object };
}

function wantedOf<T extends KubeObject>(
  handle: ResourceHandle<T>,
  { namespace, name }: ObjectKey,
  mutate: Mutate<T>,
  current: Frozen<T> | undefined,
): Frozen<T> {
  const wanted = deepFreeze(mutate(current)) as Frozen<T>; // frozen or not, it is one
  const { metadata } = wanted as KubeObject;
  if (metadata.name === name && (metadata.namespace ?? namespace) === namespace) return wanted;
  throw new TypeError(`Cannot make ${handle.kind} "${keyText({ namespace, name })}" an object of another name or namespace`);
}
