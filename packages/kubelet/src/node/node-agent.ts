import type { Lease, Node } from '@coracle/api';
import { type Frozen, isAlreadyExists, isNotFound, semanticEqual } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import {
  leaseNamespace,
  leaseRenewMs,
  missingLabels,
  newLease,
  newNode,
  nodeStatus,
  type NodeDescription,
  renewed,
  withoutHeartbeat,
} from './node-object.ts';

export interface NodeAgentOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly node: NodeDescription;
  /** The node is registered already and its lease fresh: nothing is written before the next heartbeat. */
  readonly isResumed: boolean;
}

const statusCheckMs = 10_000;
/** Without a change the status is reported this often (nodeStatusReportFrequency). */
const statusReportMs = 300_000;
const statusTries = 5; // nodeStatusUpdateRetry
const retryMs = 1_000;
const longestRetryMs = 7_000; // registerWithAPIServer doubles from 100 ms to this

/** Registers a Node and keeps it alive: its lease every 10 s, its status every 5 minutes or when it changes. */
export class NodeAgent {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #node: NodeDescription;
  readonly #isResumed: boolean;
  readonly #registered: PromiseWithResolvers<void> = Promise.withResolvers();
  #reportedAtMs = 0;

  constructor({ process, clientset, node, isResumed }: NodeAgentOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#node = node;
    this.#isResumed = isResumed;
  }

  /** Resolves once the Node is there. */
  whenRegistered(): Promise<void> {
    return this.#registered.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#register(signal);
      this.#registered.resolve();
      // Both, so that no request outlives this: each ends by throwing the signal's reason.
      const ended = await Promise.allSettled([this.#renewLease(signal), this.#reportStatus(signal)]);
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Tries until the Node is there and says what it should. */
  async #register(signal: AbortSignal): Promise<void> {
    this.#reportedAtMs = this.#process.clock.monotonic();
    for (let waitMs = 100; ; waitMs = Math.min(longestRetryMs, waitMs * 2)) {
      try {
        const node = await this.#ensureNode();
        if (!this.#isResumed || this.#hasChanged(node)) await this.#putStatus(node);
        return;
      } catch (error) {
        this.#warn('Cannot register the node, trying again', error);
        await this.#process.clock.sleep(waitMs, { signal });
      }
    }
  }

  async #ensureNode(): Promise<Frozen<Node>> {
    const nodes = this.#clientset.coreV1.nodes();
    try {
      if (this.#isResumed) return await nodes.get(this.#node.name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      return await nodes.create(newNode(this.#node, this.#process.clock.now()));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const node = await nodes.get(this.#node.name);
    const labels = missingLabels(this.#node, node);
    return Object.keys(labels).length === 0 ? node : nodes.patch(this.#node.name, 'merge', { metadata: { labels } });
  }

  #hasChanged(node: Frozen<Node>): boolean {
    const wanted = nodeStatus(this.#node, node.status, this.#process.clock.now());
    return !semanticEqual(withoutHeartbeat(wanted), withoutHeartbeat(node.status ?? {}));
  }

  async #putStatus(node: Frozen<Node>): Promise<void> {
    const status = nodeStatus(this.#node, node.status, this.#process.clock.now());
    if (semanticEqual(status, node.status)) return; // just created with it
    await this.#clientset.coreV1.nodes().updateStatus({ ...node, status });
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#process.clock.sleep(statusCheckMs, { signal, background: true });
      // At once: the usual reason is that somebody else has written meanwhile.
      for (let tries = 0; tries < statusTries && !signal.aborted && !(await this.#tryReport()); tries++);
    }
  }

  async #tryReport(): Promise<boolean> {
    try {
      const node = await this.#clientset.coreV1.nodes().get(this.#node.name);
      const isDue = this.#process.clock.monotonic() - this.#reportedAtMs >= statusReportMs;
      if (!isDue && !this.#hasChanged(node)) return true;
      await this.#putStatus(node);
      this.#reportedAtMs = this.#process.clock.monotonic();
      return true;
    } catch (error) {
      this.#warn('Cannot report the status of the node', error);
      return false;
    }
  }

  async #renewLease(signal: AbortSignal): Promise<void> {
    if (!this.#isResumed) await this.#tryRenew();
    for (;;) {
      await this.#process.clock.sleep(leaseRenewMs, { signal, background: true });
      // A lost renewal must not cost a quarter of the lease.
      for (let tries = 0; tries < 5 && !(await this.#tryRenew()); tries++)
        await this.#process.clock.sleep(retryMs, { signal, background: true });
    }
  }

  async #tryRenew(): Promise<boolean> {
    try {
      await this.#renew();
      return true;
    } catch (error) {
      this.#warn('Cannot renew the lease of the node', error);
      return false;
    }
  }

  async #renew(): Promise<void> {
    const leases = this.#clientset.coordinationV1.leases(leaseNamespace);
    let lease: Frozen<Lease>;
    try {
      lease = await leases.get(this.#node.name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const node = await this.#clientset.coreV1.nodes().get(this.#node.name);
      await leases.create(newLease(node, this.#process.clock.now()));
      return;
    }
    await leases.update(renewed(lease, this.#node.name, this.#process.clock.now()));
  }

  #warn(message: string, error: unknown): void {
    this.#process.log.warn(message, { node: this.#node.name, error: error instanceof Error ? error.message : String(error) });
  }
}
