import { deepFreeze, type Frozen, readJson, type Unstructured } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import { assert } from '@coracle/kernel';
import { resourceVersionOffset, spliceResourceVersion } from './splice.ts';
import type { Key, Stored } from './storage.ts';

/** The lazily made forms of one stored version. */
export class StoredValue implements Stored {
  readonly key: Key;
  readonly revision: Revision;
  readonly #json: Uint8Array;
  readonly #rvOffset: number | undefined;
  #object: Frozen<Unstructured> | undefined;
  #bytes: Uint8Array | undefined;
  #item: Frozen<Unstructured> | undefined;
  #encoded: { readonly by: unknown; readonly as: unknown } | undefined;

  /** `object` is the writer's, without resourceVersion; absent when the value was read back from the store. */
  constructor(options: {
    readonly key: Key;
    readonly revision: Revision;
    readonly json: Uint8Array;
    readonly rvOffset?: number;
    readonly object?: Frozen<Unstructured>;
  }) {
    this.key = options.key;
    this.revision = options.revision;
    this.#json = options.json;
    this.#rvOffset = options.rvOffset;
    this.#object = options.object === undefined ? undefined : withResourceVersion(options.object, options.revision);
  }

  get object(): Frozen<Unstructured> {
    this.#object ??= deepFreeze(withResourceVersion(readJson(this.#json, { bigints: true }).value as Unstructured, this.revision)); // only objects are stored
    return this.#object;
  }

  get item(): Frozen<Unstructured> {
    if (this.#item === undefined) {
      const { kind: _kind, apiVersion: _apiVersion, ...rest } = this.object;
      this.#item = Object.freeze(rest as Frozen<Unstructured>); // metadata is still there
    }
    return this.#item;
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const offset = this.#rvOffset ?? resourceVersionOffset(this.#json);
      assert(offset >= 0, `stored value of "${this.key}" has no metadata`);
      this.#bytes = spliceResourceVersion(this.#json, offset, this.revision);
    }
    return this.#bytes;
  }

  encoded<T>(encode: (object: Frozen<Unstructured>) => T): T {
    if (this.#encoded?.by !== encode) this.#encoded = { by: encode, as: encode(this.object) };
    return this.#encoded.as as T; // made by this encoder
  }

  /** The same state as of another revision: what a DELETED event shows. */
  at(revision: Revision): StoredValue {
    const options = { key: this.key, revision, json: this.#json };
    return new StoredValue({
      ...options,
      ...(this.#rvOffset === undefined ? {} : { rvOffset: this.#rvOffset }),
      ...(this.#object === undefined ? {} : { object: this.#object }),
    });
  }

  /** Approximate bytes that keeping this costs beyond the store's own copy. */
  get weight(): number {
    return this.#json.length * 3 + 256;
  }
}

/** `object` as of `revision`; shares everything but the two levels that change. */
export function withResourceVersion(object: Frozen<Unstructured>, revision: Revision): Frozen<Unstructured> {
  const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(revision) });
  return Object.freeze({ ...object, metadata });
}
