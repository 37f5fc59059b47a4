/**
 * Runs `body` with seeds 1 to `count`, or with the one that `only` names: tests pass `process.env.CORACLE_SEED`, so that a seed
 * that failed is replayed alone. Rejects at the first failure with an error that names the seed and keeps the cause.
 */
export async function forEachSeed(count: number, body: (seed: number) => Promise<void>, only?: string): Promise<void> {
  for (const seed of only === undefined || only === '' ? range(count) : [seedOf(only)]) {
    try {
      await body(seed);
    } catch (error) {
      throw new Error(
        `Seed ${seed} failed; CORACLE_SEED=${seed} runs it alone: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw new RangeError(`"${text}" is no seed: a whole number`);
  return seed;
}
