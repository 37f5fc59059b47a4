import type { ObjectIdentity } from './graph.ts';

const limit = 500;

/** Owners that are known not to exist: a thousand orphans of one owner ask the server once (uid_cache.go). The oldest use goes first. */
export class AbsentOwners {
  readonly #keys = new Set<string>();

  has(owner: ObjectIdentity): boolean {
    const key = keyOf(owner);
    if (!this.#keys.delete(key)) return false;
    this.#keys.add(key);
    return true;
  }

  add(owner: ObjectIdentity): void {
    const key = keyOf(owner);
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= limit) return;
    const oldest = this.#keys.values().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }
}

function keyOf({ apiVersion, kind, namespace, name, uid }: ObjectIdentity): string {
  return JSON.stringify([apiVersion, kind, namespace, name, uid]);
}
