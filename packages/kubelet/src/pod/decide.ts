import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { backoffUntil, goSeconds, isSteady } from './backoff.ts';
import { type ContainerRecord, isRunning, isStarted, type PodRecord, type PodStop, specOf, waiting, withContainer } from './record.ts';

/** What to do next for a pod; the shell does it and tells the record how it went. */
export type Action =
  /** Set up volumes and network. */
  | { readonly do: 'prepare' }
  | { readonly do: 'pull'; readonly container: string }
  | { readonly do: 'start'; readonly container: string }
  | { readonly do: 'terminate'; readonly container: string; readonly graceMs: number; readonly message: string }
  /** Nothing runs and nothing will: give back network and volumes. */
  | { readonly do: 'tearDown' }
  /** Something that users want to hear of, of the pod or one of its containers. */
  | {
      readonly do: 'announce';
      readonly container?: string;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    };

export interface Decision {
  readonly record: PodRecord;
  readonly actions: readonly Action[];
  /** When to look again although nothing has happened. `background`: what is waited for is a steady state. */
  readonly wake: { readonly atMs: number; readonly background: boolean } | undefined;
}

type Wake = NonNullable<Decision['wake']>;
/** What a container needs: it is settled, something is done, or time must pass. */
interface Step {
  readonly record: ContainerRecord;
  readonly actions: readonly Action[];
  readonly wake?: Wake;
}

/**
 * The life of a pod as a function of its object and what is known (kubelet SyncPod, computePodActions, SyncTerminatingPod in
 * one). Calling it again with the record that it returned, once the actions are done, goes on; with nothing to do it
 * returns the same record and no action.
 */
export function decide(pod: Frozen<Pod>, before: PodRecord, nowMs: number): Decision {
  const record = withStop(pod, before, nowMs);
  if (record.stop !== undefined) {
    const decision = stopAll(record, record.stop);
    return before.stop === undefined && record.stop.reason === 'DeadlineExceeded'
      ? { ...decision, actions: [deadlineExceeded(record.stop), ...decision.actions] }
      : decision;
  }
  if (record.sandbox === 'none') {
    const { retryAtMs = 0, isAwaited = false } = record.mount ?? {};
    return retryAtMs > nowMs
      ? { record, actions: [], wake: { atMs: retryAtMs, background: !isAwaited } }
      : { record, actions: [{ do: 'prepare' }], wake: undefined };
  }
  const decision = runContainers(pod, record, nowMs);
  return { ...decision, wake: earlier(decision.wake, deadlineOf(pod, record)) };
}

/** Notes why the pod must stop, if it must; a deletion wins, and a shorter grace counts. */
function withStop(pod: Frozen<Pod>, record: PodRecord, nowMs: number): PodRecord {
  if (pod.metadata.deletionTimestamp !== undefined) {
    const graceMs = graceOf(pod);
    if (record.stop?.reason === 'deleted' && record.stop.graceMs === graceMs) return record;
    const { statusReason = '', message = '' } = record.stop ?? {};
    return { ...record, stop: { reason: 'deleted', statusReason, message, graceMs } };
  }
  if (record.stop !== undefined) return record;
  const deadline = deadlineOf(pod, record);
  if (deadline !== undefined && nowMs >= deadline.atMs) {
    const message = 'Pod was active on the node longer than the specified deadline';
    return { ...record, stop: { reason: 'DeadlineExceeded', statusReason: 'DeadlineExceeded', message, graceMs: graceOf(pod) } };
  }
  return isFinished(pod, record)
    ? { ...record, stop: { reason: 'finished', statusReason: '', message: '', graceMs: graceOf(pod) } }
    : record;
}

function deadlineExceeded({ message }: PodStop): Action {
  return { do: 'announce', type: 'Normal', reason: 'DeadlineExceeded', message };
}

/** Grace in ms: what the deletion says, else the pod; never below a second. */
export function graceOf(pod: Frozen<Pod>): number {
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return Math.max(1, seconds) * 1000;
}

function deadlineOf(pod: Frozen<Pod>, { seenAtMs }: PodRecord): Wake | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  return seconds === undefined ? undefined : { atMs: Math.floor(seenAtMs / 1000) * 1000 + seconds * 1000, background: true };
}

/** Main containers first, then sidecars, the last one first. */
function stopAll(record: PodRecord, stop: PodStop): Decision {
  const running = record.containers.filter(isRunning);
  if (running.length === 0) {
    if (record.sandbox === 'removed') return { record, actions: [], wake: undefined };
    return { record: stop.reason === 'finished' ? record : withoutWaiting(record), actions: [{ do: 'tearDown' }], wake: undefined };
  }
  const others = running.filter(({ role }) => role !== 'sidecar');
  const next = others.length > 0 ? others : running.slice(-1);
  // Again for one that is stopping already: its grace may have become shorter.
  const actions = next.map(
    ({ name }): Action => ({ do: 'terminate', container: name, graceMs: stop.graceMs, message: `Stopping container ${name}` }),
  );
  return { record, actions: record.sandbox === 'removed' ? [] : actions, wake: undefined };
}

/** Containers that never ran, or not any more, count as lost (status_manager TerminatePod). */
function withoutWaiting(record: PodRecord): PodRecord {
  const lost = (container: ContainerRecord): ContainerRecord => {
    if (container.run.phase !== 'waiting') return container;
    const last = container.last;
    if (last !== undefined) return { ...container, run: last, last: undefined };
    const message = 'The container could not be located when the pod was terminated';
    return {
      ...container,
      run: { phase: 'exited', id: '', startedAtMs: 0, finishedAtMs: 0, exitCode: 137, reason: 'ContainerStatusUnknown', message },
    };
  };
  return { ...record, containers: record.containers.map(lost) };
}

function runContainers(pod: Frozen<Pod>, record: PodRecord, nowMs: number): Decision {
  let next = record;
  const actions: Action[] = [];
  let wake: Wake | undefined;
  const apply = (step: Step): void => {
    next = withContainer(next, step.record.name, () => step.record);
    actions.push(...step.actions);
    wake = earlier(wake, step.wake);
  };
  const pending = record.containers.find((container) => container.role !== 'main' && !isInitialized(container) && !hasStartedMain(record));
  for (const container of record.containers) {
    if (container.role === 'sidecar' && container !== pending && container.run.phase !== 'waiting')
      apply(keepRunning(pod, container, nowMs));
    if (container === pending) apply(keepRunning(pod, container, nowMs));
    if (container.role === 'main' && pending === undefined) apply(keepRunning(pod, container, nowMs));
  }
  return { record: next, actions, wake };
}

function hasStartedMain(record: PodRecord): boolean {
  return record.containers.some(({ role, run, last }) => role === 'main' && (run.phase !== 'waiting' || last !== undefined));
}

/** Of an init container or sidecar: the next one may start. */
export function isInitialized(container: ContainerRecord): boolean {
  if (container.role === 'sidecar') return isStarted(container);
  return container.run.phase === 'exited' && container.run.exitCode === 0;
}

function keepRunning(pod: Frozen<Pod>, container: ContainerRecord, nowMs: number): Step {
  const { run } = container;
  if (run.phase === 'running') return { record: container, actions: [] };
  const exit = run.phase === 'exited' ? run : container.last;
  if (run.phase === 'exited' && !isRestarted(pod, container)) return { record: container, actions: [] };
  const untilMs = exit === undefined ? undefined : backoffUntil(container.restartBackoff, exit.finishedAtMs, nowMs);
  return untilMs === undefined || container.restartBackoff === undefined
    ? begin(pod, container, nowMs)
    : crashLoop(pod, container, { untilMs, backoff: container.restartBackoff });
}

function crashLoop(
  pod: Frozen<Pod>,
  container: ContainerRecord,
  { untilMs, backoff }: { readonly untilMs: number; readonly backoff: NonNullable<ContainerRecord['restartBackoff']> },
): Step {
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  const { run } = container;
  const wake = { atMs: untilMs, background: isSteady(backoff) };
  if (run.phase !== 'exited') return { record: container, actions: [], wake };
  const of = `${name}_${namespace}(${uid})`;
  const message = `back-off ${goSeconds(backoff.delayMs)} restarting failed container=${container.name} pod=${of}`;
  const announce: Action = {
    do: 'announce',
    container: container.name,
    type: 'Warning',
    reason: 'BackOff',
    message: `Back-off restarting failed container ${container.name} in pod ${of}`,
  };
  return { record: waiting(container, 'CrashLoopBackOff', message), actions: [announce], wake };
}

/** Pulls, then starts; waits between failed pulls. */
function begin(pod: Frozen<Pod>, container: ContainerRecord, nowMs: number): Step {
  const { image, name, run, blockedUntilMs } = container;
  if (image.phase === 'present' && blockedUntilMs > nowMs)
    return { record: container, actions: [], wake: { atMs: blockedUntilMs, background: true } };
  if (image.phase === 'present') return { record: container, actions: [{ do: 'start', container: name }] };
  if (image.phase === 'unknown') return { record: container, actions: [{ do: 'pull', container: name }] };
  const untilMs = backoffUntil(image.backoff, image.backoff.atMs, nowMs);
  if (untilMs === undefined) return { record: container, actions: [{ do: 'pull', container: name }] };
  const wake = { atMs: untilMs, background: isSteady(image.backoff) };
  if (run.phase !== 'waiting' || run.reason !== 'ErrImagePull') return { record: container, actions: [], wake };
  const backingOff = `Back-off pulling image "${specOf(pod, name)?.image ?? ''}"`;
  const announce = { do: 'announce', container: name } as const;
  const actions: readonly Action[] = [
    { ...announce, type: 'Normal', reason: 'BackOff', message: backingOff },
    { ...announce, type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' },
  ];
  return { record: waiting(container, 'ImagePullBackOff', `${backingOff}: ErrImagePull: ${image.message}`), actions, wake };
}

/** Whether an exited container runs again. */
function isRestarted(pod: Frozen<Pod>, container: ContainerRecord): boolean {
  const { run } = container;
  if (run.phase !== 'exited') return false;
  if (container.role === 'sidecar') return true;
  const spec = specOf(pod, container.name);
  for (const { action, exitCodes } of spec?.restartPolicyRules ?? []) {
    const isListed = exitCodes?.values?.includes(run.exitCode) ?? false;
    if (action === 'Restart' && isListed === (exitCodes?.operator === 'In')) return true;
  }
  const policy = spec?.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  if (container.role === 'init') return run.exitCode !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && run.exitCode !== 0);
}

/** Every main container has run for the last time, or an init container has failed for good. */
function isFinished(pod: Frozen<Pod>, record: PodRecord): boolean {
  const isDone = (container: ContainerRecord): boolean => container.run.phase === 'exited' && !isRestarted(pod, container);
  if (record.containers.some((container) => container.role === 'init' && isDone(container) && !isInitialized(container))) return true;
  return record.containers.every((container) => container.role !== 'main' || isDone(container));
}

function earlier(a: Wake | undefined, b: Wake | undefined): Wake | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  // Of two waits a foreground one must not hide behind an earlier background one.
  if (a.background !== b.background) return { atMs: Math.min(a.atMs, b.atMs), background: false };
  return a.atMs <= b.atMs ? a : b;
}
