/**
 * Calls `create` `count` times in batches of 1, 2, 4, …; a batch in which one fails is the last (pkg/controller/replicaset
 * slowStartBatch). So a quota that refuses everything costs one request, not hundreds. `error` is the first failure.
 */
export async function slowStart(
  count: number,
  create: (index: number) => Promise<void>,
): Promise<{ readonly succeeded: number; readonly error: unknown }> {
  let succeeded = 0;
  for (let remaining = count, batch = Math.min(1, remaining); batch > 0; batch = Math.min(2 * batch, remaining)) {
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => create(count - remaining + i)));
    const failed = results.find((result) => result.status === 'rejected');
    succeeded += results.filter((result) => result.status === 'fulfilled').length;
    if (failed !== undefined) return { succeeded, error: failed.reason };
    remaining -= batch;
  }
  return { succeeded, error: undefined };
}
