import { type EtcdClient, type Revision, CompactedError } from '@coracle/etcd';

/** API servers of one etcd agree over this key on who compacts (apiserver pkg/storage/etcd3/compact.go). It is not below their prefix. */
const compactKey = 'compact_rev_key';

/**
 * The clock of compactions: the key's version is the time, and whoever moves it on compacts. A server that has not heard of the last
 * time learns it instead, so that one which has just started leaves what is there as it is.
 */
export class Compaction {
  readonly #client: EtcdClient;
  #time = 0;

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  /** Resolves with whether it was this server's turn. Rejects as a call of the client does, also with CompactedError. */
  async compact(revision: Revision): Promise<boolean> {
    const key = compactKey;
    const { succeeded, results } = await this.#client.txn({
      compares: [{ key, target: 'version', result: 'equal', operand: this.#time }],
      success: [{ op: 'put', key, value: Buffer.from(String(revision)) }],
      failure: [{ op: 'range', key }],
    });
    if (!succeeded) {
      const [found] = results;
      this.#time = found?.op === 'range' ? (found.kvs[0]?.version ?? 0) : 0;
      return false;
    }
    this.#time++;
    try {
      await this.#client.compact(revision);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error; // somebody compacts without asking: it is done
    }
    return true;
  }
}
