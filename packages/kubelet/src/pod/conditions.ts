import type { Pod, PodCondition } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { isInitialized } from './decide.ts';
import { isReady, type PodRecord } from './record.ts';

interface Input {
  readonly pod: Frozen<Pod>;
  readonly record: PodRecord;
  readonly phase: string;
}

/** The kubelet's conditions of a pod, without times, in its order (pkg/kubelet/status/generate.go). */
export function podConditions(input: Input): readonly PodCondition[] {
  const containersReady = containersReadyCondition(input);
  return [
    { type: 'PodReadyToStartContainers', status: input.record.sandbox === 'ready' ? 'True' : 'False' },
    initializedCondition(input),
    readyCondition(input.pod, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
  ];
}

function initializedCondition({ record, phase }: Input): PodCondition {
  const incomplete = record.containers.filter((container) => container.role !== 'main' && !isInitialized(container));
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' };
  const hasRun = record.containers.some(
    ({ role, run, last }) =>
      role === 'main' && (run.phase === 'running' || (run.phase === 'exited' && run.id !== '') || last !== undefined),
  );
  if (incomplete.length === 0 || hasRun) return { type: 'Initialized', status: 'True' };
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${list(incomplete)}`,
  };
}

function containersReadyCondition({ record, phase }: Input): PodCondition {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = record.containers.filter((container) => container.role !== 'init' && !isReady(container));
  if (unready.length === 0) return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: ${list(unready)}` };
}

/** Ready is ContainersReady and every readiness gate. */
function readyCondition(pod: Frozen<Pod>, containersReady: PodCondition): PodCondition {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (condition === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return condition.status === 'True'
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  if (messages.length === 0) return { type: 'Ready', status: 'True' };
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}

/** `[a b]`, as Go prints a slice. */
function list(containers: readonly { readonly name: string }[]): string {
  return `[${containers.map(({ name }) => name).join(' ')}]`;
}
