import type { Volume as VolumeSpec } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { Volume, type VolumeData } from '../container/file-system.ts';
import type { NodeContext } from './node-context.ts';
import { ConfigError } from './pod-objects.ts';
import type { PodWorker } from './pod-worker.ts';
import type { PodRecord } from './record.ts';
import { planVolume, type VolumePlan } from './volumes.ts';

const firstRetryMs = 500;
/** Waits between tries of a volume double up to this (pkg/util/goroutinemap/exponentialbackoff). */
const longestRetryMs = 122_000;

/** Mounts the volumes and gives the pod its address. The record says how it went. */
export function setUpVolumes(worker: PodWorker): PodRecord {
  const { node, record, pod } = worker;
  const objects = node.objects.of(pod);
  const planned: [name: string, plan: VolumePlan][] = [];
  let fault: { readonly reason: string; readonly message: string } | undefined;
  for (const volume of pod.spec.volumes ?? []) {
    try {
      planned.push([volume.name, planVolume(volume, { pod, objects, allocatable: node.allocatable })]);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      fault ??= { reason: 'FailedMount', message: `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}` };
    }
  }
  if (objects.isPending) return record; // asked again when they are there
  let podIP = node.hostIP;
  if (fault === undefined && pod.spec.hostNetwork !== true) {
    try {
      podIP = node.network.allocate(node.nodeName, record.uid);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      fault = { reason: 'FailedCreatePodSandBox', message: `Failed to create pod sandbox: ${error.message}` };
    }
  }
  if (fault !== undefined) return retryLater(worker, fault);
  for (const [name, plan] of planned) worker.volumes.set(name, { plan, volume: volumeFor(node, plan, undefined) });
  return { ...record, sandbox: 'ready', podIP, mount: undefined };
}

function retryLater(
  { node, record, pod }: PodWorker,
  { reason, message }: { readonly reason: string; readonly message: string },
): PodRecord {
  if (record.mount?.message !== message) node.recorder.event(pod, 'Warning', reason, message);
  const failures = record.mount?.failures ?? 0;
  const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** failures);
  return { ...record, mount: { failures: failures + 1, message, retryAtMs: node.process.clock.now() + waitMs } };
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
