/** A wait that doubles with each failure (client-go util/flowcontrol Backoff as the kubelet uses it). */
export interface Backoff {
  readonly delayMs: number;
  /** When the delay was last raised. */
  readonly atMs: number;
}

export const initialBackoffMs = 10_000;
export const maxBackoffMs = 300_000;
/** After this long without a failure the next one counts as the first. */
const forgetAfterMs = 2 * maxBackoffMs;

/** After one more failure: 10 s, 20 s, … 300 s. */
export function nextBackoff(backoff: Backoff | undefined, nowMs: number): Backoff {
  if (backoff === undefined || nowMs - backoff.atMs > forgetAfterMs) return { delayMs: initialBackoffMs, atMs: nowMs };
  return { delayMs: Math.min(maxBackoffMs, backoff.delayMs * 2), atMs: nowMs };
}

/** When what failed at `failedAtMs` may be tried again; undefined: at once. */
export function backoffUntil(backoff: Backoff | undefined, failedAtMs: number, nowMs: number): number | undefined {
  if (backoff === undefined || nowMs - backoff.atMs > forgetAfterMs) return undefined;
  const untilMs = failedAtMs + backoff.delayMs;
  return untilMs > nowMs ? untilMs : undefined;
}

/** A wait at the cap is a steady state: it must not keep a simulation awake for ever. */
export function isSteady({ delayMs }: Backoff): boolean {
  return delayMs >= maxBackoffMs;
}

/** Go's time.Duration for whole seconds: 10s, 2m40s, 5m0s. */
export function goSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const rest = `${seconds % 60}s`;
  if (seconds < 60) return rest;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}m${rest}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}`;
}
