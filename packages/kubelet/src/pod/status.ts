import type { ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from '@coracle/api';
import { formatTime, type Frozen } from '@coracle/apimachinery';
import { imageId, imageName, parseImage } from '../container/images.ts';
import { podConditions } from './conditions.ts';
import { type ContainerRecord, isReady, isStarted, type PodRecord, type RunState, specOf } from './record.ts';

export interface StatusInput {
  readonly pod: Frozen<Pod>;
  readonly record: PodRecord;
  readonly hostIP: string;
  readonly nowMs: number;
}

/**
 * The status that the kubelet reports (kubelet_pods.go generateAPIPodStatus, status_manager.go mergePodStatus): what it knows,
 * with what others write (conditions of readiness gates, `nominatedNodeName`, `qosClass`) left as it is.
 */
export function podStatus({ pod, record, hostIP, nowMs }: StatusInput): PodStatus {
  const old: Frozen<PodStatus> = pod.status ?? {};
  const of = (container: ContainerRecord): ContainerStatus => containerStatus(pod, container);
  const init = record.containers.filter(({ role }) => role !== 'main').map(of);
  const main = record.containers.filter(({ role }) => role === 'main').map(of);
  const phase = podPhase(record);
  const { generation } = pod.metadata;
  const { message: _message, reason: _reason, conditions: oldConditions = [], ...kept } = old;
  const stopped = record.stop !== undefined && record.stop.statusReason !== '' ? record.stop : undefined;
  const podIP = record.podIP ?? old.podIP;
  return {
    ...kept,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: mergedConditions(oldConditions, podConditions({ pod, record, phase }), { nowMs, generation }),
    ...(stopped === undefined ? {} : { message: stopped.message, reason: stopped.statusReason }),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: formatTime(record.seenAtMs),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: main,
  };
}

/** kubelet_pods.go getPhase. */
export function podPhase(record: PodRecord): string {
  const isTerminal = record.stop !== undefined && record.containers.every(({ run }) => run.phase !== 'running');
  if (isTerminal && record.stop?.statusReason !== '') return 'Failed';
  const init = record.containers.filter(({ role }) => role === 'init');
  const main = record.containers.filter(({ role }) => role === 'main');
  const failedInit = init.some(({ run }) => run.phase === 'exited' && run.exitCode !== 0);
  if (isTerminal && failedInit) return 'Failed';
  const exits = main.flatMap(({ run, last }) =>
    run.phase === 'exited' ? [run] : run.phase === 'waiting' && last !== undefined ? [last] : [],
  );
  const running = main.filter(({ run }) => run.phase === 'running').length;
  if (running + exits.length < main.length) return 'Pending';
  if (running > 0) return 'Running';
  if (!isTerminal) return 'Running';
  return exits.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
}

function containerStatus(pod: Frozen<Pod>, container: ContainerRecord): ContainerStatus {
  const spec = specOf(pod, container.name);
  const image = spec?.image ?? '';
  const hasRun = container.run.phase !== 'waiting' || container.last !== undefined;
  const reference = hasRun ? parsed(image) : undefined;
  const id = container.run.phase === 'waiting' ? container.last?.id : container.run.id;
  const mounts = (spec?.volumeMounts ?? []).map(({ name, mountPath, readOnly = false }) => ({
    name,
    mountPath,
    ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
  }));
  return {
    name: container.name,
    state: stateOf(container.run),
    lastState: container.last === undefined ? {} : stateOf(container.last),
    ready: isReady(container),
    restartCount: container.restarts,
    image: reference === undefined ? image : imageName(reference),
    imageID: reference === undefined ? '' : imageId(reference),
    ...(id === undefined || id === '' ? {} : { containerID: `containerd://${id}` }),
    started: isStarted(container),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
}

function parsed(image: string): ReturnType<typeof parseImage> | undefined {
  try {
    return parseImage(image);
  } catch {
    return undefined; // it never ran then, and the status shows the text as it is
  }
}

function stateOf(run: RunState): ContainerState {
  switch (run.phase) {
    case 'waiting':
      return { waiting: { ...(run.reason === '' ? {} : { reason: run.reason }), ...(run.message === '' ? {} : { message: run.message }) } };
    case 'running':
      return { running: { startedAt: formatTime(run.startedAtMs) } };
    case 'exited': {
      const { exitCode, reason, message, id } = run;
      const times =
        id === ''
          ? {}
          : { startedAt: formatTime(run.startedAtMs), finishedAt: formatTime(run.finishedAtMs), containerID: `containerd://${id}` };
      return { terminated: { exitCode, reason, ...(message === '' ? {} : { message }), ...times } };
    }
  }
}

/** Conditions that the kubelet writes; the others belong to somebody else. */
const ofKubelet: ReadonlySet<string> = new Set(['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']);

function mergedConditions(
  old: readonly Frozen<PodCondition>[],
  own: readonly PodCondition[],
  { nowMs, generation }: { readonly nowMs: number; readonly generation: number | undefined },
): readonly PodCondition[] {
  const dated = own.map((condition): PodCondition => {
    const before = old.find(({ type }) => type === condition.type);
    if (condition.type === 'PodScheduled' && before !== undefined) return before; // the scheduler's
    const lastTransitionTime =
      before?.status === condition.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : formatTime(nowMs);
    return { ...condition, ...(generation === undefined ? {} : { observedGeneration: generation }), lastTransitionTime };
  });
  return [...old.filter(({ type }) => !ofKubelet.has(type)), ...dated];
}
