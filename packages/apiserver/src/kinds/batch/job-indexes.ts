/**
 * How many indexes a text like `1,3-5` names, of those below `completions`; what is wrong with it, in upstream's words, with
 * nothing counted then (validation.validateIndexesFormat).
 */
export function indexCount(text: string, completions: number): { readonly count: number; readonly fault?: string } {
  if (text === '') return { count: 0 };
  let count = 0;
  let last = -1;
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2)
      return {
        count: 0,
        fault: `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`,
      };
    const numbers: number[] = [];
    for (const limit of limits) {
      if (!/^\d+$/.test(limit)) return { count: 0, fault: `cannot convert string to integer for index: "${limit}"` };
      if (Number(limit) >= completions) return { count: 0, fault: `too large index: "${limit}"` };
      numbers.push(Number(limit));
    }
    const [first = 0, end = first] = numbers;
    if (numbers.length > 1 && first >= end) return { count: 0, fault: `non-increasing order, previous: ${first}, current: ${end}` };
    if (first <= last) return { count: 0, fault: `non-increasing order, previous: ${last}, current: ${first}` };
    count += end - first + 1;
    last = end;
  }
  return { count };
}
