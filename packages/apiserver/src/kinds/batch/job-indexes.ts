/** What a text like `1,3-5` names: so many indexes, in these intervals; or what is wrong with it, with nothing counted then. */
export interface Indexes {
  readonly count: number;
  readonly intervals: readonly Interval[];
  readonly fault?: string;
}

type Interval = readonly [first: number, last: number];

/** The indexes of a text, each below `completions`; faults in upstream's words (validation.validateIndexesFormat). */
export function parseIndexes(text: string, completions: number): Indexes {
  if (text === '') return { count: 0, intervals: [] };
  const intervals: Interval[] = [];
  let last = -1;
  for (const part of text.split(',')) {
    const parsed = parseInterval(part, completions);
    if (typeof parsed === 'string') return faulty(parsed);
    const [first, end] = parsed;
    if (first <= last) return faulty(`non-increasing order, previous: ${last}, current: ${first}`);
    intervals.push(parsed);
    last = end;
  }
  return { count: intervals.reduce((sum, [first, end]) => sum + end - first + 1, 0), intervals };
}

/** The first index that both texts name. Parts that cannot be read are passed over: they are somebody else's fault. */
export function firstCommonIndex(a: string, b: string, completions: number): number | undefined {
  const readable = (text: string): readonly Interval[] =>
    text === ''
      ? []
      : text
          .split(',')
          .flatMap((part) => [parseInterval(part, completions)])
          .filter((parsed) => typeof parsed !== 'string');
  const others = readable(b);
  for (const [first, last] of readable(a)) {
    const found = others.find(([from, to]) => first <= to && from <= last);
    if (found !== undefined) return Math.max(first, found[0]);
  }
  return undefined;
}

function parseInterval(text: string, completions: number): Interval | string {
  const limits = text.split('-');
  if (limits.length > 2)
    return `the fragment "${text}" violates the requirement that an index interval can have at most two parts separated by '-'`;
  for (const limit of limits) {
    if (!/^\d+$/.test(limit)) return `cannot convert string to integer for index: "${limit}"`;
    if (Number(limit) >= completions) return `too large index: "${limit}"`;
  }
  const [first = 0, end = first] = limits.map(Number);
  return limits.length > 1 && first >= end ? `non-increasing order, previous: ${first}, current: ${end}` : [first, end];
}

function faulty(fault: string): Indexes {
  return { count: 0, intervals: [], fault };
}
