import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@coracle/api';
import type { WireMap } from '@coracle/apimachinery';
import type { NodeInfo } from './cache/node-info.ts';
import type { PodInfo } from './cache/pod-info.ts';

/** All that a decision may look at. */
export interface ClusterView {
  readonly nodes: readonly NodeInfo[];
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  namespaceLabels(name: string): WireMap | undefined;
  /** The claim (`namespace/name`) that a decision on its way has promised the volume to. */
  reservedFor(volume: string): string | undefined;
}

/** What may make a pod fit that did not (kube-scheduler framework ClusterEvent). */
export type Aspect =
  | 'node/added'
  | 'node/labels'
  | 'node/taints'
  | 'node/allocatable'
  | 'pod/assigned'
  | 'pod/removed'
  | 'claim'
  | 'volume'
  | 'storage-class'
  | 'namespace';

export interface ClusterEvent {
  readonly aspects: readonly Aspect[];
  /** The node that changed, or where a pod came or went. */
  readonly node?: NodeInfo;
  /** The claim that changed, `namespace/name`. */
  readonly claim?: string;
}

/** Why a node does not take the pod, in the words that users see; empty when it does. */
export type NodeFilter = (node: NodeInfo) => readonly string[];

/**
 * `nothing`: the plugin has no say over this pod. `nowhere`: no node will do, whatever it is. `only`: other nodes need
 * not be asked.
 */
export type Preparation =
  | { readonly say: 'nothing' }
  | { readonly say: 'nowhere'; readonly message: string }
  | { readonly say: 'nodes'; readonly filter: NodeFilter; readonly only?: ReadonlySet<string> };

/** A rule that a node must pass (framework PreFilterPlugin, FilterPlugin and EnqueueExtensions). Pure. */
export interface FilterPlugin {
  readonly name: string;
  /** Works out, once for each attempt, what does not depend on the node. */
  prepare(pod: PodInfo, cluster: ClusterView): Preparation;
  /** After which events a pod that this plugin refused may fit. */
  readonly requeueOn: readonly Aspect[];
  /** `cluster`: what happens at one node may help the pod at others. Absent: at that node only. */
  readonly reach?: 'cluster';
  /** Whether what the event is about has to do with the pod; absent: always. */
  concerns?(pod: PodInfo, event: ClusterEvent): boolean;
}

export type NodeScore = (node: NodeInfo) => number;

/** A preference among the nodes that passed (framework PreScorePlugin and ScorePlugin). Pure. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** Undefined: no preference for this pod. */
  prepare(pod: PodInfo): NodeScore | undefined;
  /** `as-is`: scores are in 0…100. `scaled`: the highest becomes 100. `reversed`: the highest becomes 0, and 0 becomes 100. */
  readonly normalize: 'as-is' | 'scaled' | 'reversed';
}

export const maxNodeScore = 100;

export const noSay: Preparation = { say: 'nothing' };

/**
 * Whether `event` may help a pod that the plugin refused: it is of the right sort, and the node that it names, or
 * some node, now passes (upstream's QueueingHint). A pod that cannot gain is not tried, and nothing is written about it.
 */
export function mayHelp(plugin: FilterPlugin, pod: PodInfo, event: ClusterEvent, cluster: ClusterView): boolean {
  if (!event.aspects.some((aspect) => plugin.requeueOn.includes(aspect))) return false;
  if (plugin.concerns?.(pod, event) === false) return false;
  const prepared = plugin.prepare(pod, cluster);
  if (prepared.say === 'nowhere') return false;
  if (prepared.say === 'nothing') return true;
  if (event.node === undefined || plugin.reach === 'cluster') return cluster.nodes.some((node) => prepared.filter(node).length === 0);
  if (prepared.only?.has(event.node.name) === false) return false;
  return prepared.filter(event.node).length === 0;
}
