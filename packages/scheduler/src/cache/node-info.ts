import type { Node } from '@coracle/api';
import { addTo, type Resources, resourcesOf } from '../resource.ts';
import type { HostPort, PodInfo } from './pod-info.ts';

/** A node and the sum of what runs or will run on it (pkg/scheduler/framework NodeInfo), as plugins see it. */
export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly allocatable: Resources;
  readonly requested: Resources;
  /** Sum of the pods' `scoringRequests`. */
  readonly scoringRequested: Resources;
  readonly podCount: number;
  readonly hostPorts: Iterable<HostPort>;
  pods(): Iterable<PodInfo>;
  /** Those with required anti-affinity, which may refuse newcomers. */
  podsWithAntiAffinity(): Iterable<PodInfo>;
}

/** The books of one node. It exists as long as the node or a pod bound to it is known. */
export class NodeAccount implements NodeInfo {
  readonly name: string;
  readonly requested: Map<string, number> = new Map();
  readonly scoringRequested: Map<string, number> = new Map();
  #node: Node | undefined; // absent: only its pods are known
  #allocatable: Resources = new Map();
  readonly #pods = new Map<string, PodInfo>();
  readonly #withAntiAffinity = new Map<string, PodInfo>();
  readonly #withPorts = new Map<string, PodInfo>();

  constructor(name: string) {
    this.name = name;
  }

  get exists(): boolean {
    return this.#node !== undefined;
  }

  get node(): Node {
    return this.#node ?? ({ metadata: { name: this.name }, spec: {} } satisfies Node);
  }

  get allocatable(): Resources {
    return this.#allocatable;
  }

  get podCount(): number {
    return this.#pods.size;
  }

  get hostPorts(): Iterable<HostPort> {
    return this.#withPorts.values().flatMap(({ hostPorts }) => hostPorts);
  }

  pods(): Iterable<PodInfo> {
    return this.#pods.values();
  }

  podsWithAntiAffinity(): Iterable<PodInfo> {
    return this.#withAntiAffinity.values();
  }

  setNode(node: Node | undefined): void {
    this.#node = node;
    this.#allocatable = resourcesOf(node?.status?.allocatable);
  }

  add(pod: PodInfo): void {
    this.remove(pod.key);
    this.#pods.set(pod.key, pod);
    if (pod.requiredAntiAffinity.length > 0) this.#withAntiAffinity.set(pod.key, pod);
    if (pod.hostPorts.length > 0) this.#withPorts.set(pod.key, pod);
    addTo(this.requested, pod.requests);
    addTo(this.scoringRequested, pod.scoringRequests);
  }

  remove(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    for (const pods of [this.#pods, this.#withAntiAffinity, this.#withPorts]) pods.delete(key);
    addTo(this.requested, pod.requests, -1);
    addTo(this.scoringRequested, pod.scoringRequests, -1);
  }
}
