import { UsageError } from './flags.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's durations, of whole and broken numbers of hours to milliseconds: "1h30m", "1.5s". */
export function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/gy)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  const ms = parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (unitsMs[unit] ?? Number.NaN), 0);
  if (parts.length === 0 || length !== text.length || !(ms > 0)) throw new UsageError(`"${text}" is no duration: 10m, 1.5s, 1h30m`);
  return ms;
}
