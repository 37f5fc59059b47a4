import type { Container, Probe } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** What the tries of a probe have come to (kubelet prober/worker.go). Plain data. */
export interface ProbeState {
  /** Readiness begins as a failure, liveness as a success, startup unknown. */
  readonly result: 'success' | 'failure' | 'unknown';
  /** How the last tries ended, and how many of them alike. */
  readonly run: { readonly success: boolean; readonly length: number } | undefined;
  /** It succeeded at least once: from here on its timers are background. */
  readonly succeededOnce: boolean;
}

export const probeKinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

export function probeOf(container: Frozen<Container>, kind: ProbeKind): Frozen<Probe> | undefined {
  switch (kind) {
    case 'startup':
      return container.startupProbe;
    case 'readiness':
      return container.readinessProbe;
    case 'liveness':
      return container.livenessProbe;
  }
}

/** The probes of a container that has just started. */
export function newProbes(container: Frozen<Container>): Readonly<Partial<Record<ProbeKind, ProbeState>>> {
  const initial = { startup: 'unknown', readiness: 'failure', liveness: 'success' } as const;
  const probes = probeKinds.filter((kind) => probeOf(container, kind) !== undefined);
  return Object.fromEntries(
    probes.map((kind) => [kind, { result: initial[kind], run: undefined, succeededOnce: false } satisfies ProbeState]),
  );
}

/** After one more try: the result turns once enough tries in a row ended alike. */
export function probed(state: ProbeState, success: boolean, { successThreshold = 1, failureThreshold = 3 }: Frozen<Probe>): ProbeState {
  const length = state.run?.success === success ? state.run.length + 1 : 1;
  const turned = length >= (success ? successThreshold : failureThreshold);
  const result = turned ? (success ? 'success' : 'failure') : state.result;
  return { result, run: { success, length }, succeededOnce: state.succeededOnce || success };
}
