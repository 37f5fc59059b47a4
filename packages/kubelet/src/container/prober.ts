import type { ProbeKind, ProbeState } from '../pod/probe-state.ts';
import { probeOf } from '../pod/probe-state.ts';
import { type ProbeOutcome, type ProbeTarget, tryProbe } from './probing.ts';

export interface ProberOptions extends ProbeTarget {
  /** ms since the container started: what is left of the initial delays. */
  readonly runningMs: number;
  state(kind: ProbeKind): ProbeState | undefined;
  /** Whether the container is to end: only its readiness is of interest then. */
  isStopping(): boolean;
  /** Takes note of a try. */
  report(kind: ProbeKind, outcome: ProbeOutcome): void;
}

/**
 * Probes one run of a container until `signal` aborts: the start-up probe until it succeeds, then readiness and liveness at
 * their periods (kubelet prober/worker.go). Only readiness is still probed of a container that is to end. Timers are foreground
 * until a probe has first succeeded; those of liveness never are.
 */
export async function runProbes(options: ProberOptions): Promise<void> {
  try {
    if (options.state('startup') !== undefined) {
      await loop('startup', options);
      if (options.state('startup')?.result !== 'success') return;
    }
    await Promise.all([loop('readiness', options), loop('liveness', options)]);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
}

async function loop(kind: ProbeKind, options: ProberOptions): Promise<void> {
  const { process, container, signal, state, report } = options;
  const probe = probeOf(container, kind);
  if (probe === undefined || (kind === 'startup' && state(kind)?.result === 'success')) return;
  const { initialDelaySeconds = 0, periodSeconds = 10 } = probe;
  const isBackground = (): boolean => kind === 'liveness' || state(kind)?.succeededOnce === true;
  const isResumed = state(kind)?.run !== undefined;
  const delayMs = isResumed ? periodSeconds * 1000 : initialDelaySeconds * 1000 - options.runningMs;
  if (delayMs > 0) await process.clock.sleep(delayMs, { signal, background: isBackground() });
  while (kind === 'readiness' || !options.isStopping()) {
    const outcome = await tryProbe(probe, options);
    report(kind, outcome);
    if (kind === 'startup' && state(kind)?.result === 'success') return;
    // One that cannot be tried will never succeed: waiting for it would keep a simulation awake for ever.
    await process.clock.sleep(periodSeconds * 1000, { signal, background: isBackground() || outcome.result === 'unknown' });
  }
}
