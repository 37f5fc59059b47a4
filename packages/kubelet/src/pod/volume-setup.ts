import type { Pod, Volume as VolumeSpec } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { Volume, type VolumeData } from '../container/file-system.ts';
import type { NodeContext } from './node-context.ts';
import { ConfigError } from './pod-objects.ts';
import type { PodWorker } from './pod-worker.ts';
import type { PodRecord } from './record.ts';
import { ClaimError, planVolume, type VolumePlan } from './volumes.ts';

const firstRetryMs = 500;
/** Waits between tries of a volume double up to this (pkg/util/goroutinemap/exponentialbackoff). */
const longestRetryMs = 122_000;
/** A claim is asked for again at least as often as the real kubelet comes back to a pod that it cannot run (pod_workers.go). */
const longestClaimRetryMs = 10_000;

interface MountFault {
  readonly reason: string;
  readonly message: string;
  /** Nobody tells when it is over. */
  readonly isOfClaim: boolean;
}

/** Mounts the volumes and gives the pod its address. The record says how it went. */
export function setUpVolumes(worker: PodWorker): PodRecord {
  const { node, record, pod } = worker;
  const { planned, pending, fault } = planVolumes(worker);
  if (pending) return record; // asked again when they are there
  node.objects.forgetClaims(record.uid);
  if (fault !== undefined) return retryLater(worker, fault);
  let podIP = node.hostIP;
  if (pod.spec.hostNetwork !== true) {
    try {
      podIP = node.network.allocate(node.nodeName, record.uid);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = `Failed to create pod sandbox: ${error.message}`;
      return retryLater(worker, { reason: 'FailedCreatePodSandBox', message, isOfClaim: false });
    }
  }
  for (const [name, plan] of planned) worker.volumes.set(name, { plan, volume: volumeFor(node, plan, undefined) });
  return { ...record, sandbox: 'ready', podIP, mount: undefined };
}

function planVolumes({ node, pod }: PodWorker): {
  readonly planned: readonly (readonly [name: string, plan: VolumePlan])[];
  readonly pending: boolean;
  readonly fault: MountFault | undefined;
} {
  const objects = node.objects.of(pod);
  const planned: [name: string, plan: VolumePlan][] = [];
  const unclaimed = new Map<string, string>();
  let fault: MountFault | undefined;
  for (const volume of usedVolumes(pod)) {
    try {
      const plan = planVolume(volume, { pod, objects, allocatable: node.allocatable });
      if (plan !== undefined) planned.push([volume.name, plan]);
    } catch (error) {
      if (error instanceof ClaimError) {
        unclaimed.set(volume.name, error.message);
        continue;
      }
      if (!(error instanceof ConfigError)) throw error;
      const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`;
      fault ??= { reason: 'FailedMount', message, isOfClaim: false };
    }
  }
  return { planned, pending: objects.isPending, fault: unclaimed.size === 0 ? fault : claimFault(unclaimed) };
}

/** Volumes that no container mounts are left alone (desired_state_of_world_populator.go). */
function usedVolumes({ spec }: Frozen<Pod>): readonly Frozen<VolumeSpec>[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const used = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  return (spec.volumes ?? []).filter(({ name }) => used.has(name));
}

/** In the words of WaitForAttachAndMount (volume_manager.go). */
function claimFault(unclaimed: ReadonlyMap<string, string>): MountFault {
  const names = [...unclaimed.keys()].sort().join(' ');
  const what = `unmounted volumes=[${names}], unattached volumes=[], failed to process volumes=[${names}]`;
  const message = `Unable to attach or mount volumes: ${what}: ${[...unclaimed.values()].join('; ')}`;
  return { reason: 'FailedMount', message, isOfClaim: true };
}

function retryLater({ node, record, pod }: PodWorker, { reason, message, isOfClaim }: MountFault): PodRecord {
  if (record.mount?.message !== message) node.recorder.event(pod, 'Warning', reason, message);
  const failures = record.mount?.failures ?? 0;
  const longestMs = isOfClaim ? longestClaimRetryMs : longestRetryMs;
  const waitMs = Math.min(longestMs, firstRetryMs * 2 ** failures);
  // What is missing wakes the pod when it appears, except for claims: they are waited for until that has become a steady state.
  const isAwaited = isOfClaim && waitMs < longestMs;
  return { ...record, mount: { failures: failures + 1, message, retryAtMs: node.process.clock.now() + waitMs, isAwaited } };
}

/** The files behind a plan; `data` are those that a fork has saved. */
export function volumeFor({ disks, hostPaths }: NodeContext, plan: VolumePlan, data: VolumeData | undefined): Volume {
  switch (plan.kind) {
    case 'projected':
      return new Volume(data ?? plan.data);
    case 'emptyDir':
      return new Volume(data ?? []);
    case 'persistent':
      return disks.open(plan.uid);
    case 'hostPath': {
      const volume = hostPaths.get(plan.path) ?? new Volume();
      hostPaths.set(plan.path, volume);
      return volume;
    }
  }
}

/** Files made of objects follow them; what has become impossible stays as it was. */
export function refreshVolumes({ node, pod, volumes }: PodWorker): void {
  const objects = node.objects.of(pod);
  for (const spec of pod.spec.volumes ?? []) {
    const present = volumes.get(spec.name);
    if (present === undefined || present.plan.kind !== 'projected') continue;
    const plan = replanned(spec, { pod, objects, allocatable: node.allocatable });
    if (plan?.kind !== 'projected' || objects.isPending) continue;
    present.volume.replace(plan.data);
    volumes.set(spec.name, { plan, volume: present.volume });
  }
}

function replanned(spec: Frozen<VolumeSpec>, input: Parameters<typeof planVolume>[1]): VolumePlan | undefined {
  try {
    return planVolume(spec, input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return undefined; // deleted meanwhile: upstream keeps the last files too
  }
}
