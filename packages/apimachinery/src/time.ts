/** `metav1.Time`: RFC 3339 in UTC, whole seconds, from milliseconds since the epoch. */
export function formatTime(atMs: number): string {
  return `${new Date(Math.floor(atMs / 1000) * 1000).toISOString().slice(0, 19)}Z`;
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
