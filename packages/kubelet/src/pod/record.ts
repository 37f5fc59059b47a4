import type { Container, Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { type Backoff, nextBackoff } from './backoff.ts';
import type { ProbeKind, ProbeState } from './probe-state.ts';

/** All that a kubelet knows of a pod beyond its object: plain data, saved for forks. Times are ms since the epoch. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** When the kubelet first saw the pod: `status.startTime`. */
  readonly seenAtMs: number;
  /** `none`: volumes and network are not there yet; `removed`: not any more. */
  readonly sandbox: 'none' | 'ready' | 'removed';
  readonly podIP: string | undefined;
  /** Why everything must stop; absent while the pod shall run. */
  readonly stop: PodStop | undefined;
  /** Volumes could not be set up: what to do before the next try; `isAwaited`: the pod is on its way while it waits for it. */
  readonly mount:
    | { readonly failures: number; readonly message: string; readonly retryAtMs: number; readonly isAwaited: boolean }
    | undefined;
  /** Init containers first, in the pod's order. */
  readonly containers: readonly ContainerRecord[];
}

export interface PodStop {
  readonly reason: 'deleted' | 'DeadlineExceeded' | 'rejected' | 'finished';
  /** Of the status; '' for none. */
  readonly statusReason: string;
  readonly message: string;
  readonly graceMs: number;
}

export interface ContainerRecord {
  readonly name: string;
  /** `sidecar`: an init container that goes on running (restartPolicy Always). */
  readonly role: 'init' | 'sidecar' | 'main';
  readonly run: RunState;
  /** The run before this one. */
  readonly last: ExitedRun | undefined;
  readonly restarts: number;
  readonly image: ImageState;
  /** It cannot be made from its spec (CreateContainerConfigError): not tried again before this time. */
  readonly blockedUntilMs: number;
  /** Of restarts after exits. */
  readonly restartBackoff: Backoff | undefined;
  readonly probes: Readonly<Partial<Record<ProbeKind, ProbeState>>>;
}

export type RunState =
  | { readonly phase: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly phase: 'running'; readonly id: string; readonly startedAtMs: number; readonly stopping: boolean }
  | ExitedRun;

export interface ExitedRun {
  readonly phase: 'exited';
  readonly id: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `ContainerStatusUnknown`. */
  readonly reason: string;
  readonly message: string;
}

export type ImageState =
  | { readonly phase: 'unknown' }
  | { readonly phase: 'present' }
  | { readonly phase: 'failed'; readonly reason: string; readonly message: string; readonly backoff: Backoff };

/** The record of a pod that is seen for the first time. */
export function newRecord(pod: Frozen<Pod>, nowMs: number): PodRecord {
  const { uid = '', namespace = '', name = '' } = pod.metadata;
  const init = (pod.spec.initContainers ?? []).map((container) =>
    newContainer(container, container.restartPolicy === 'Always' ? 'sidecar' : 'init', false),
  );
  const main = pod.spec.containers.map((container) => newContainer(container, 'main', init.length > 0));
  return {
    uid,
    namespace,
    name,
    seenAtMs: nowMs,
    sandbox: 'none',
    podIP: undefined,
    stop: undefined,
    mount: undefined,
    containers: [...init, ...main],
  };
}

function newContainer({ name }: Frozen<Container>, role: ContainerRecord['role'], waitsForInit: boolean): ContainerRecord {
  const reason = waitsForInit || role !== 'main' ? 'PodInitializing' : 'ContainerCreating';
  return {
    name,
    role,
    run: { phase: 'waiting', reason, message: '' },
    last: undefined,
    restarts: 0,
    image: { phase: 'unknown' },
    blockedUntilMs: 0,
    restartBackoff: undefined,
    probes: {},
  };
}

export function withContainer(record: PodRecord, name: string, change: (container: ContainerRecord) => ContainerRecord): PodRecord {
  return { ...record, containers: record.containers.map((container) => (container.name === name ? change(container) : container)) };
}

export function containerOf(record: PodRecord, name: string): ContainerRecord | undefined {
  return record.containers.find((container) => container.name === name);
}

/** The container's spec; undefined when the pod has no such container. */
export function specOf(pod: Frozen<Pod>, name: string): Frozen<Container> | undefined {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((container) => container.name === name);
}

export function started(
  container: ContainerRecord,
  { id, nowMs, probes }: { readonly id: string; readonly nowMs: number; readonly probes: ContainerRecord['probes'] },
): ContainerRecord {
  const previous = container.run.phase === 'exited' ? container.run : container.last;
  return {
    ...container,
    run: { phase: 'running', id, startedAtMs: nowMs, stopping: false },
    last: previous,
    restarts: previous === undefined ? container.restarts : container.restarts + 1,
    restartBackoff: previous === undefined ? container.restartBackoff : nextBackoff(container.restartBackoff, nowMs),
    blockedUntilMs: 0,
    probes,
  };
}

/** It does not run yet, or not again, for the time being. */
export function waiting(container: ContainerRecord, reason: string, message: string): ContainerRecord {
  const last = container.run.phase === 'exited' ? container.run : container.last;
  return { ...container, run: { phase: 'waiting', reason, message }, last };
}

/** The run ended by itself or was killed. Does nothing when it is not running. */
export function exited(
  container: ContainerRecord,
  { exitCode, message, nowMs }: { readonly exitCode: number; readonly message: string; readonly nowMs: number },
): ContainerRecord {
  const { run } = container;
  if (run.phase !== 'running') return container;
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return {
    ...container,
    run: { phase: 'exited', id: run.id, startedAtMs: run.startedAtMs, finishedAtMs: nowMs, exitCode, reason, message },
    image: { phase: 'unknown' },
    probes: {},
  };
}

export function isRunning(container: ContainerRecord): boolean {
  return container.run.phase === 'running';
}

/** Running, and past its startup probe. */
export function isStarted({ run, probes }: ContainerRecord): boolean {
  return run.phase === 'running' && (probes.startup === undefined || probes.startup.result === 'success');
}

/** What `ready` of the container's status says. */
export function isReady(container: ContainerRecord): boolean {
  if (container.role === 'init') return container.run.phase === 'exited' && container.run.exitCode === 0;
  const { readiness } = container.probes;
  return isStarted(container) && (readiness === undefined || readiness.result === 'success');
}
