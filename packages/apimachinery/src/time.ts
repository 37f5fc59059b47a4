/** `metav1.Time`: RFC 3339 in UTC, whole seconds, from milliseconds since the epoch. */
export function formatTime(atMs: number): string {
  const seconds = Math.floor(atMs / 1000);
  if (!(seconds >= firstSecond && seconds <= lastSecond)) return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  const day = Math.floor(seconds / secondsOfDay);
  const ofDay = seconds - day * secondsOfDay;
  const ofHour = ofDay % 3600;
  return `${dateOf(day)}T${digits(Math.floor(ofDay / 3600))}:${digits(Math.floor(ofHour / 60))}:${digits(ofHour % 60)}Z`;
}

const secondsOfDay = 86_400;
/** Of the years that have four digits: from 1000 to 9999. */
const firstSecond: number = Date.UTC(1000, 0, 1) / 1000;
const lastSecond: number = Date.UTC(10_000, 0, 1) / 1000 - 1;
/** Days from the 1st of March of the year 0 to 1970. */
const daysToEpoch = 719_468;
const daysOfFourCenturies = 146_097;

/** The date of a day since the epoch. Every object that is made has one, and Date takes four times as long to write it. */
function dateOf(day: number): string {
  // Years begin in March here: then the leap day is the last of its year, and months before it have lengths that repeat.
  const since = day + daysToEpoch;
  const cycle = Math.floor(since / daysOfFourCenturies);
  const ofCycle = since - cycle * daysOfFourCenturies;
  const leapDays = Math.floor(ofCycle / 1_460) - Math.floor(ofCycle / 36_524) + Math.floor(ofCycle / 146_096);
  const yearOfCycle = Math.floor((ofCycle - leapDays) / 365);
  const ofYear = ofCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100));
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153);
  const dayOfMonth = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = 400 * cycle + yearOfCycle + (month < 3 ? 1 : 0);
  return `${year}-${digits(month)}-${digits(dayOfMonth)}`;
}

function digits(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}

/** `metav1.MicroTime`: six digits. */
export function formatMicroTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 23)}000Z`;
}

const rfc3339 = /^(\d{4}-\d\d)-(\d\d)T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since the epoch; undefined when `text` is no RFC 3339 time. */
export function parseTime(text: string | undefined): number | undefined {
  const [, month, day = ''] = rfc3339.exec(text ?? '') ?? [];
  if (text === undefined || month === undefined) return undefined;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) return undefined;
  // JavaScript takes the 31st of every month, as the 1st of the next.
  return Number(day) > 28 && new Date(`${month}-${day}`).getUTCDate() !== Number(day) ? undefined : atMs;
}

/** Age as kubectl shows it: 5s, 3m20s, 4h, 2d5h (apimachinery pkg/util/duration HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  if (years < 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}
