import type { ContainerState, ContainerStatus, Pod } from '@coracle/api';
import { type Frozen, parseTime } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { isTrue, orNone, rowOf, type RowContext } from './row.ts';

type Status = Frozen<ContainerStatus>;

/** What a pod's containers come to. */
interface Summary {
  /** Phase or, where there is one, the reason that tells more. */
  readonly status: string;
  readonly ready: number;
  readonly restarts: number;
  /** Times at which the containers that were restarted had ended. */
  readonly ended: readonly (string | undefined)[];
}

/** Ready, status and restarts as `kubectl get pods` shows them (pkg/printers/internalversion printPod). */
export const pods: Cells = rowOf<Pod>((pod, context) => {
  const { metadata, spec, status } = pod;
  const sidecars = (spec?.initContainers ?? []).filter(isSidecar).length;
  const summary = summarize(pod);
  const gates = spec?.readinessGates ?? [];
  const met = gates.filter(({ conditionType }) => isTrue(status?.conditions, conditionType)).length;
  return [
    metadata.name ?? '',
    `${summary.ready}/${(spec?.containers ?? []).length + sidecars}`,
    isDeleted(pod) ? deletedStatus(pod, summary.status) : summary.status,
    restartsText(summary, context),
    context.since(metadata.creationTimestamp),
    orNone(status?.podIPs?.[0]?.ip ?? status?.podIP),
    orNone(spec?.nodeName),
    orNone(status?.nominatedNodeName),
    gates.length === 0 ? '<none>' : `${met}/${gates.length}`,
  ];
});

function isSidecar({ restartPolicy }: { readonly restartPolicy?: string }): boolean {
  return restartPolicy === 'Always';
}

function isDeleted({ metadata }: Frozen<Pod>): boolean {
  return (metadata.deletionTimestamp ?? '') !== '';
}

function deletedStatus({ status }: Frozen<Pod>, shown: string): string {
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? shown : 'Terminating';
}

function restartsText({ restarts, ended }: Summary, context: RowContext): string {
  const last = ended.reduce((latest, time) => ((parseTime(time) ?? 0) > (parseTime(latest) ?? 0) ? time : latest), undefined);
  return restarts === 0 || last === undefined ? String(restarts) : `${restarts} (${context.since(last)} ago)`;
}

function summarize(pod: Frozen<Pod>): Summary {
  const { status } = pod;
  const gated = (status?.conditions ?? []).some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated');
  const phase = gated ? 'SchedulingGated' : orElse(status?.reason, status?.phase ?? '');
  const init = summarizeInit(pod);
  if (init.status !== undefined && !isTrue(status?.conditions, 'Initialized')) return { ...init, status: init.status };
  return summarizeMain(pod, init, init.status ?? phase);
}

/** The init containers: `status` is set while one of them is what the pod waits for. */
function summarizeInit({
  spec,
  status,
}: Frozen<Pod>): Omit<Summary, 'status'> & { readonly status: string | undefined; readonly sidecars: readonly Status[] } {
  const specs = spec?.initContainers ?? [];
  const sidecarNames = new Set(specs.filter(isSidecar).map(({ name }) => name));
  const statuses = status?.initContainerStatuses ?? [];
  let ready = 0;
  let seen = 0;
  let waitsFor: string | undefined;
  for (const [i, container] of statuses.entries()) {
    seen = i + 1;
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecarNames.has(container.name) && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    if (terminated !== undefined) waitsFor = `Init:${endText(terminated)}`;
    else if (orElse(waiting?.reason, 'PodInitializing') !== 'PodInitializing') waitsFor = `Init:${waiting?.reason}`;
    else waitsFor = `Init:${i}/${specs.length}`;
    break;
  }
  const looked = statuses.slice(0, seen);
  const sidecars = looked.filter(({ name }) => sidecarNames.has(name));
  return { status: waitsFor, ready, sidecars, restarts: sum(looked), ended: looked.map(lastEnd) };
}

/** The containers of a pod that is initialised; of its init containers only sidecars count from then on. */
function summarizeMain(
  pod: Frozen<Pod>,
  { ready: readySidecars, sidecars }: { readonly ready: number; readonly sidecars: readonly Status[] },
  shown: string,
): Summary {
  const statuses = pod.status?.containerStatuses ?? [];
  const running = statuses.filter(({ ready, state }) => ready && state?.running !== undefined && reasonOf(state) === undefined);
  // The first container that has something to say is shown.
  const status = statuses.map(({ state }) => reasonOf(state)).find((reason) => reason !== undefined) ?? shown;
  const isPartly = status === 'Completed' && running.length > 0;
  return {
    status: isPartly ? (isTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady') : status,
    ready: readySidecars + running.length,
    restarts: sum(sidecars) + sum(statuses),
    ended: [...sidecars, ...statuses].map(lastEnd),
  };
}

function reasonOf(state: Frozen<ContainerState> | undefined): string | undefined {
  if ((state?.waiting?.reason ?? '') !== '') return state?.waiting?.reason;
  return state?.terminated === undefined ? undefined : endText(state.terminated);
}

function endText({ reason, signal = 0, exitCode }: NonNullable<Frozen<ContainerState>['terminated']>): string {
  return orElse(reason, signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function sum(statuses: readonly Status[]): number {
  return statuses.reduce((total, { restartCount }) => total + restartCount, 0);
}

function lastEnd({ lastState }: Status): string | undefined {
  return lastState?.terminated?.finishedAt;
}

function orElse(text: string | undefined, otherwise: string): string {
  return text === undefined || text === '' ? otherwise : text;
}
