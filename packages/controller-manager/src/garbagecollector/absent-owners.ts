const limit = 500;

/** Owners that are known not to exist: a thousand orphans of one owner ask the server once (uid_cache.go). The oldest use goes first. */
export class AbsentOwners {
  readonly #keys = new Set<string>();

  has(uid: string, namespace: string): boolean {
    const key = `${uid}/${namespace}`;
    if (!this.#keys.delete(key)) return false;
    this.#keys.add(key);
    return true;
  }

  add(uid: string, namespace: string): void {
    const key = `${uid}/${namespace}`;
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= limit) return;
    const oldest = this.#keys.values().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }
}
