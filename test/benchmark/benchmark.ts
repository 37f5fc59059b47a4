/** What is measured, and how it is told: a case of `npm run bench`. */
export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Measures, and tells each line as soon as it has it. */
  run(report: (line: Line) => void): Promise<void>;
}

/** One line of output. */
export interface Line {
  /** Whether each write was on disk before it was acknowledged; false as well where nothing is written. */
  readonly durable: boolean;
  /** Of what the case does, in each round. */
  readonly count: number;
  readonly rounds: number;
  /** By names that end in their units; medians of the rounds where there are several. */
  readonly figures: Readonly<Record<string, number>>;
}

/** The middle of `values`, the mean of the two middle ones where their number is even. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('The median of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const above = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? above : ((sorted[half - 1] ?? 0) + above) / 2;
}

/** The value that `share` (0 to 1) of `values` do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** The medians of each figure, where every round gave the same ones. */
export function medians<Name extends string>(rounds: readonly Readonly<Record<Name, number>>[]): Record<Name, number> {
  const [first] = rounds;
  if (first === undefined) throw new RangeError('The medians of no rounds');
  const names = Object.keys(first) as Name[]; // a record has no other keys
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name]))])) as Record<Name, number>;
}

/** Runs `round` one time after the other; resolves with what each gave. */
export async function inRounds<T>(rounds: number, round: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < rounds; index++) results.push(await round(index));
  return results;
}

/** CPU time of this process so far, user and system, in microseconds. */
export function ownCpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
