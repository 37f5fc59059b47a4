const descriptors: ReadonlySet<string> = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const fields: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: weekdays },
];

/** What is wrong with a schedule in cron's format, in the words of the parser that upstream uses (robfig/cron); undefined: nothing. */
export function scheduleFault(schedule: string): string | undefined {
  if (schedule.startsWith('@')) return descriptorFault(schedule);
  const parts = schedule.split(/\s+/).filter((part) => part !== '');
  if (parts.length !== fields.length) return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [i, field] of fields.entries()) {
    for (const expression of (parts[i] ?? '').split(',')) {
      const fault = rangeFault(expression, field);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

function descriptorFault(schedule: string): string | undefined {
  if (descriptors.has(schedule)) return undefined;
  const every = '@every ';
  if (!schedule.startsWith(every)) return `unrecognized descriptor: ${schedule}`;
  const duration = schedule.slice(every.length);
  if (/^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(duration)) return undefined;
  return `failed to parse duration ${schedule}: time: invalid duration "${duration}"`;
}

function rangeFault(expression: string, { min, max, names }: Field): string | undefined {
  const [range = '', step, ...moreSteps] = expression.split('/');
  const [low = '', high, ...moreHighs] = range.split('-');
  if (moreHighs.length > 0) return `too many hyphens: ${expression}`;
  if (moreSteps.length > 0) return `too many slashes: ${expression}`;
  let start = min;
  let end = max;
  if (low !== '*' && low !== '?') {
    const first = numberOf(low, names, min);
    if (typeof first === 'string') return first;
    const last = high === undefined ? undefined : numberOf(high, names, min);
    if (typeof last === 'string') return last;
    start = first;
    end = last ?? (step === undefined ? first : max);
  }
  const by = step === undefined ? 1 : numberOf(step, undefined, 0);
  if (typeof by === 'string') return by;
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${expression}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return by === 0 ? `step of range should be a positive number: ${expression}` : undefined;
}

function numberOf(text: string, names: readonly string[] | undefined, min: number): number | string {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  if (/^[+-]?\d+$/.test(text)) {
    const number = Number(text);
    return number < 0 ? `negative number (${number}) not allowed: ${text}` : number;
  }
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}
