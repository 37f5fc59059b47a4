import type { Node } from '@coracle/api';
import { NodeAccount, type NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

interface Placement {
  readonly pod: PodInfo;
  readonly nodeName: string;
  /** Decided here, not yet seen in the API. */
  readonly assumed: boolean;
}

/**
 * What is known of nodes and of pods that have one (pkg/scheduler/backend/cache). A pod counts from the moment of the
 * decision (*assumed*), so that the next one is not promised the same place. A decision is one synchronous run over
 * it, so there is no snapshot.
 */
export class SchedulerCache {
  readonly #accounts = new Map<string, NodeAccount>();
  readonly #placements = new Map<string, Placement>();
  #nodes: readonly NodeInfo[] | undefined;

  /** Every node of the API, in order of appearance. */
  get nodes(): readonly NodeInfo[] {
    this.#nodes ??= [...this.#accounts.values()].filter(({ exists }) => exists);
    return this.#nodes;
  }

  setNode(node: Node): NodeInfo {
    const account = this.#account(node.metadata.name ?? '');
    if (!account.exists) this.#nodes = undefined;
    account.setNode(node);
    return account;
  }

  removeNode(name: string): void {
    const account = this.#accounts.get(name);
    if (account === undefined) return;
    account.setNode(undefined);
    this.#nodes = undefined;
    this.#dropIfEmpty(account);
  }

  /** Counts a decision. */
  assume(pod: PodInfo, nodeName: string): void {
    this.#place({ pod, nodeName, assumed: true });
  }

  /** Whether this pod, and not another one of its name, counts by a decision that the API has not confirmed. */
  isAssumed(pod: PodInfo): boolean {
    const placement = this.#placements.get(pod.key);
    return placement?.assumed === true && placement.pod.pod.metadata.uid === pod.pod.metadata.uid;
  }

  /** The pod that is counted under the key. */
  placed(key: string): PodInfo | undefined {
    return this.#placements.get(key)?.pod;
  }

  /** A pod that has its node by the word of the API. */
  setPod(pod: PodInfo, nodeName: string): NodeInfo {
    return this.#place({ pod, nodeName, assumed: false });
  }

  /** The pod that is counted under the key and its node, now without it; undefined when none was. */
  removePod(key: string): { readonly pod: PodInfo; readonly node: NodeInfo } | undefined {
    const placement = this.#placements.get(key);
    if (placement === undefined) return undefined;
    this.#placements.delete(key);
    const account = this.#account(placement.nodeName);
    account.remove(key);
    this.#dropIfEmpty(account);
    return { pod: placement.pod, node: account };
  }

  #place(placement: Placement): NodeInfo {
    this.removePod(placement.pod.key);
    this.#placements.set(placement.pod.key, placement);
    const account = this.#account(placement.nodeName);
    account.add(placement.pod);
    return account;
  }

  #account(name: string): NodeAccount {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = new NodeAccount(name);
    this.#accounts.set(name, account);
    return account;
  }

  #dropIfEmpty(account: NodeAccount): void {
    if (!account.exists && account.podCount === 0) this.#accounts.delete(account.name);
  }
}
