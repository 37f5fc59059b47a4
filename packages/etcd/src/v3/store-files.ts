import type { DurableStore } from '../durable-store.ts';
import { writeBlocks } from '../snapshot/snapshot-file.ts';
import type { MaintainedFiles, StoredCopy } from './maintenance-service.ts';

/** The maintenance of a store in a directory. */
export function filesOf(store: DurableStore): MaintainedFiles {
  return {
    defragment: () => store.snapshotNow(),
    copy: () => copyOf(store),
  };
}

/** etcdctl takes a copy for whole when what comes before the checksum is a multiple of this. */
const blockBytes = 512;

/** A snapshot is written twice: to learn its size, which is to be told first, and to be sent. Zeros fill up its last block. */
async function copyOf(store: DurableStore): Promise<StoredCopy> {
  const { identity } = store.standing;
  const snapshot = store.frozen();
  const size = await writeBlocks({ write: async () => undefined }, identity, snapshot());
  const bytes = Math.ceil(size / blockBytes) * blockBytes;
  const produce = async (write: (chunk: Uint8Array) => Promise<void>): Promise<void> => {
    await writeBlocks({ write: (_, chunk) => write(chunk) }, identity, snapshot());
    if (bytes > size) await write(Buffer.alloc(bytes - size));
  };
  return { bytes, chunks: chunksOf(produce) };
}

/** What `produce` writes, one chunk at a time: it goes on when the chunk before has been taken. */
async function* chunksOf(produce: (write: (chunk: Uint8Array) => Promise<void>) => Promise<void>): AsyncGenerator<Uint8Array> {
  let offered = Promise.withResolvers<Uint8Array | undefined>();
  let taken = Promise.withResolvers<void>();
  const produced = produce((chunk) => {
    offered.resolve(new Uint8Array(chunk)); // the writer uses its buffer again
    return taken.promise;
  }).then(
    () => offered.resolve(undefined),
    (error: unknown) => offered.reject(error),
  );
  for (;;) {
    const chunk = await offered.promise;
    if (chunk === undefined) break;
    yield chunk;
    offered = Promise.withResolvers();
    const before = taken;
    taken = Promise.withResolvers();
    before.resolve();
  }
  await produced;
}
