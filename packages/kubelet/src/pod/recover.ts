import type { ContainerState, Pod } from '@coracle/api';
import { type Frozen, parseTime } from '@coracle/apimachinery';
import { type ContainerRecord, type ExitedRun, newRecord, type PodRecord } from './record.ts';

/**
 * The record of a pod that ran on this node before the kubelet started: the machine was down, so what its status calls
 * running has ended (exit code 255, as after a reboot), and a pod that was finished stays so.
 */
export function recoveredRecord(pod: Frozen<Pod>, nowMs: number): PodRecord {
  const fresh = newRecord(pod, parseTime(pod.status?.startTime) ?? nowMs);
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const containers = fresh.containers.map((container): ContainerRecord => {
    const status = statuses.find(({ name }) => name === container.name);
    if (status === undefined) return container;
    const id = status.containerID?.replace(/^containerd:\/\//, '') ?? '';
    return {
      ...container,
      restarts: status.restartCount,
      last: exitOf(status.lastState),
      run: runOf(status.state, { id, nowMs }) ?? container.run,
    };
  });
  const { phase, reason = '', message = '' } = pod.status ?? {};
  if (phase !== 'Succeeded' && phase !== 'Failed') return { ...fresh, containers };
  return { ...fresh, containers, sandbox: 'removed', stop: { reason: 'finished', statusReason: reason, message, graceMs: 0 } };
}

function runOf(
  state: Frozen<ContainerState> | undefined,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): ContainerRecord['run'] | undefined {
  if (state?.waiting !== undefined) return { phase: 'waiting', reason: state.waiting.reason ?? '', message: state.waiting.message ?? '' };
  if (state?.running === undefined) return exitOf(state);
  const startedAtMs = parseTime(state.running.startedAt) ?? nowMs;
  return { phase: 'exited', id, startedAtMs, finishedAtMs: nowMs, exitCode: 255, reason: 'Unknown', message: '' };
}

function exitOf(state: Frozen<ContainerState> | undefined): ExitedRun | undefined {
  if (state?.terminated === undefined) return undefined;
  const { exitCode, reason = '', message = '', startedAt, finishedAt, containerID = '' } = state.terminated;
  const id = containerID.replace(/^containerd:\/\//, '');
  return {
    phase: 'exited',
    id,
    startedAtMs: parseTime(startedAt) ?? 0,
    finishedAtMs: parseTime(finishedAt) ?? 0,
    exitCode,
    reason,
    message,
  };
}
