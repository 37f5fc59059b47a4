/**
 * Does `pieces` independent pieces of work with at most `workers` of them at a time (client-go util/workqueue ParallelizeUntil). A worker
 * takes `chunkSize` pieces at once. Resolves when all is done, or, once `signal` aborts, when what was begun has ended; rejects with
 * the first error after that, and begins nothing more.
 */
export async function parallelizeUntil(
  options: { readonly workers: number; readonly pieces: number; readonly chunkSize?: number; readonly signal?: AbortSignal },
  doPiece: (piece: number) => Promise<void>,
): Promise<void> {
  const { workers, pieces, signal } = options;
  const chunkSize = Math.max(1, options.chunkSize ?? 1);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    while (next < pieces) {
      const end = Math.min(pieces, next + chunkSize);
      const start = next;
      next = end;
      for (let piece = start; piece < end; piece++) {
        if (signal?.aborted === true || failure !== undefined) return;
        try {
          await doPiece(piece);
        } catch (error) {
          failure ??= { error };
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, Math.ceil(pieces / chunkSize)) }, work));
  if (failure !== undefined) throw failure.error;
}
