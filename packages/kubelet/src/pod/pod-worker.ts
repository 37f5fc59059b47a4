import type { Pod } from '@coracle/api';
import { type Frozen, isConflict, isNotFound, semanticEqual } from '@coracle/apimachinery';
import { assert, unreachable } from '@coracle/kernel';
import { ContainerLog, type LogLine } from '../container/container-log.ts';
import type { Volume, VolumeData } from '../container/file-system.ts';
import type { ContainerRun, Exit } from '../container/container-run.ts';
import { type Action, decide } from './decide.ts';
import type { NodeContext } from './node-context.ts';
import { pullImage } from './pulling.ts';
import { exited, isRunning, newRecord, type PodRecord, withContainer } from './record.ts';
import { recoveredRecord } from './recover.ts';
import { beginProbing } from './probe-reports.ts';
import { beginRun, newRun, type RunInputs } from './starting.ts';
import { podStatus } from './status.ts';
import type { VolumePlan } from './volumes.ts';
import { refreshVolumes, setUpVolumes, volumeFor } from './volume-setup.ts';

/** What a fork needs of one pod. */
export interface PodState {
  readonly pod: Frozen<Pod>;
  readonly record: PodRecord;
  readonly volumes: readonly { readonly name: string; readonly plan: VolumePlan; readonly data: VolumeData | undefined }[];
  readonly runs: readonly { readonly container: string; readonly inputs: RunInputs; readonly checkpoint: Frozen<unknown> }[];
  readonly logs: readonly {
    readonly container: string;
    readonly lines: readonly LogLine[];
    readonly previous: readonly LogLine[] | undefined;
  }[];
}

export interface PodVolume {
  readonly plan: VolumePlan;
  readonly volume: Volume;
}

export interface Logs {
  readonly current: ContainerLog;
  readonly previous: ContainerLog | undefined;
}

/**
 * The shell around the decisions for one pod: does what `decide` says, keeps the record, reports the status. `sync` is
 * called again after each change and when a wait is over; between its awaits everything is one step.
 */
export class PodWorker {
  readonly logs: Map<string, Logs> = new Map();
  readonly volumes: Map<string, PodVolume> = new Map();
  readonly runs: Map<string, ContainerRun> = new Map();
  readonly #runInputs = new Map<string, RunInputs>();
  readonly #node: NodeContext;
  readonly #enqueue: () => void;
  #pod: Frozen<Pod>;
  #record: PodRecord;
  #isGone = false;
  #areVolumesStale = false;
  #wake: Disposable | undefined;

  constructor(node: NodeContext, pod: Frozen<Pod>, options: { readonly enqueue: () => void }) {
    this.#node = node;
    this.#pod = pod;
    this.#enqueue = options.enqueue;
    const nowMs = node.process.clock.now();
    this.#record = pod.status?.startTime === undefined ? newRecord(pod, nowMs) : recoveredRecord(pod, nowMs);
  }

  get uid(): string {
    return this.#record.uid;
  }

  get record(): PodRecord {
    return this.#record;
  }

  get node(): NodeContext {
    return this.#node;
  }

  /** The newest object, with the addresses that the pod has even before its status says so. */
  get pod(): Frozen<Pod> {
    const { podIP } = this.#record;
    const { hostIP } = this.#node;
    const pod = podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] };
    return { ...this.#pod, status: { ...this.#pod.status, hostIP, hostIPs: [{ ip: hostIP }], ...pod } };
  }

  /** The object is gone, and so is all that ran for it. */
  get isDone(): boolean {
    return this.#isGone && this.#record.sandbox === 'removed' && this.runs.size === 0;
  }

  /** What the cache holds; undefined: the object is gone. */
  observe(pod: Frozen<Pod> | undefined): void {
    if (pod === undefined) this.#isGone = true;
    else if (isNewer(pod, this.#pod)) {
      this.#pod = pod;
      this.#areVolumesStale = true; // labels and annotations may be in them
    }
  }

  /** An object that the pod refers to has changed: what waited for it may go on. */
  objectsChanged(): void {
    this.#areVolumesStale = true;
    const { mount } = this.#record;
    const containers = this.#record.containers.map((container) => ({ ...container, blockedUntilMs: 0 }));
    this.#record = { ...this.#record, containers, mount: mount === undefined ? undefined : { ...mount, retryAtMs: 0 } };
    this.#enqueue();
  }

  /** Changes the record and has the pod looked at again, unless nothing follows from the change. */
  update(change: (record: PodRecord) => PodRecord, note: 'enqueue' | 'quietly' = 'enqueue'): void {
    this.#record = change(this.#record);
    if (note === 'enqueue') this.#enqueue();
  }

  /** Reports, decides, acts. Throws what the server refused; the caller tries again. */
  async sync(): Promise<void> {
    if (!this.#isGone && !(await this.#report())) return; // the newer object brings the next sync
    const pod = this.#isGone ? deleted(this.pod) : this.pod;
    const nowMs = this.#node.process.clock.now();
    const { record, actions, wake } = decide(pod, this.#record, nowMs);
    const before = this.#record;
    this.#record = record;
    for (const action of actions) this.#act(action);
    if (this.#areVolumesStale && this.#record.sandbox === 'ready') {
      this.#areVolumesStale = false;
      refreshVolumes(this);
    }
    this.#wake?.[Symbol.dispose]();
    this.#wake =
      wake === undefined
        ? undefined
        : this.#node.process.clock.timer(wake.atMs - nowMs, () => this.#enqueue(), { background: wake.background });
    if (this.#record !== before && !semanticEqual(this.#record, before)) {
      this.#enqueue();
      return;
    }
    if (!this.#isGone && pod.metadata.deletionTimestamp !== undefined && this.#record.sandbox === 'removed') await this.#delete();
  }

  /** Ends everything at once, without a word: the machine stops. */
  kill(): void {
    this.#wake?.[Symbol.dispose]();
    for (const run of this.runs.values()) run.kill();
  }

  /** Begins a run, or lets one go on where it was saved: `kept` is its checkpoint, when it has one. */
  #launch(container: string, id: string, inputs: RunInputs, kept?: { readonly checkpoint: Frozen<unknown> }): void {
    const resumed = kept?.checkpoint;
    const run = newRun(this, { container, id, inputs, resumed, onExit: (exit) => this.#exited(container, id, exit) });
    this.runs.set(container, run);
    this.#runInputs.set(container, inputs);
    run.start();
    beginProbing(this, container, run, { isNew: kept === undefined });
  }

  snapshot(): PodState {
    const volumes = [...this.volumes].map(([name, { plan, volume }]) => ({
      name,
      plan,
      data: plan.kind === 'emptyDir' || plan.kind === 'projected' ? volume.snapshot() : undefined,
    }));
    const runs = [...this.runs].map(([container, run]) => {
      const inputs = this.#runInputs.get(container);
      assert(inputs !== undefined, `container ${container} runs without inputs`);
      return { container, inputs, checkpoint: run.checkpoint() };
    });
    const logs = [...this.logs].map(([container, { current, previous }]) => ({
      container,
      lines: [...current.lines],
      previous: previous === undefined ? undefined : [...previous.lines],
    }));
    return { pod: this.#pod, record: this.#record, volumes, runs, logs };
  }

  /** Goes on where `snapshot` was taken: the same containers under the same ids. */
  resume({ record, volumes, runs, logs }: PodState): void {
    this.#record = record;
    this.#areVolumesStale = true; // begins to follow the objects
    const now = (): number => this.#node.process.clock.now();
    for (const { name, plan, data } of volumes) this.volumes.set(name, { plan, volume: volumeFor(this.#node, plan, data) });
    for (const { container, lines, previous } of logs) {
      this.logs.set(container, {
        current: new ContainerLog(now, lines),
        previous: previous === undefined ? undefined : new ContainerLog(now, previous),
      });
    }
    for (const { container, inputs, checkpoint } of runs) {
      const run = record.containers.find(({ name }) => name === container)?.run;
      if (run?.phase === 'running') this.#launch(container, run.id, inputs, { checkpoint });
    }
  }

  /** Writes the status when it differs. False when somebody has changed the pod meanwhile, which the cache is about to show. */
  async #report(): Promise<boolean> {
    const pod = this.#pod;
    const status = podStatus({ pod, record: this.#record, hostIP: this.#node.hostIP, nowMs: this.#node.process.clock.now() });
    if (semanticEqual(status, pod.status)) return true;
    try {
      const updated = await this.#node.clientset.coreV1.pods(this.#record.namespace).updateStatus({ ...pod, status });
      if (isNewer(updated, this.#pod)) this.#pod = updated;
    } catch (error) {
      if (isConflict(error)) return false;
      if (!isNotFound(error)) throw error;
      this.#isGone = true;
    }
    return true;
  }

  /** The last word: everything has stopped, and the status says so. */
  async #delete(): Promise<void> {
    const { namespace, name, uid } = this.#record;
    try {
      await this.#node.clientset.coreV1.pods(namespace).delete(name, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #act(action: Action): void {
    switch (action.do) {
      case 'prepare':
        this.#record = setUpVolumes(this);
        return;
      case 'pull':
        this.#record = withContainer(this.#record, action.container, (container) => pullImage(this, container));
        return;
      case 'start':
        this.#start(action.container);
        return;
      case 'terminate':
        this.#terminate(action.container, action.graceMs, action.message);
        return;
      case 'announce':
        this.#node.recorder.event(this.#pod, action.type, action.reason, action.message);
        return;
      case 'tearDown':
        this.#node.objects.forget(this.uid);
        this.#node.network.release(this.#node.nodeName, this.uid);
        this.volumes.clear();
        this.#record = { ...this.#record, sandbox: 'removed' };
        return;
      default:
        unreachable(action, 'unknown action');
    }
  }

  #start(name: string): void {
    const { record, begun } = beginRun(this, name);
    this.#record = record;
    if (begun !== undefined) this.#launch(name, begun.id, begun.inputs);
  }

  #terminate(name: string, graceMs: number, message: string): void {
    const container = this.#record.containers.find((each) => each.name === name);
    const run = this.runs.get(name);
    if (container === undefined || !isRunning(container)) return;
    if (run === undefined) {
      this.#exited(name, container.run.phase === 'running' ? container.run.id : '', { exitCode: 137, message: '' });
      return;
    }
    if (container.run.phase === 'running' && !container.run.stopping) {
      this.#node.recorder.event(this.#pod, 'Normal', 'Killing', message);
      this.markStopping(name);
    }
    run.terminate(graceMs);
  }

  /** The container has been told to stop. */
  markStopping(name: string): void {
    this.#record = withContainer(this.#record, name, (container) =>
      container.run.phase === 'running' ? { ...container, run: { ...container.run, stopping: true } } : container,
    );
  }

  #exited(name: string, id: string, exit: Exit): void {
    if (this.runs.get(name)?.id === id) {
      this.runs.delete(name);
      this.#runInputs.delete(name);
    }
    const nowMs = this.#node.process.clock.now();
    this.update((record) =>
      withContainer(record, name, (container) =>
        container.run.phase === 'running' && container.run.id === id ? exited(container, { ...exit, nowMs }) : container,
      ),
    );
  }
}

/** The object as it would be had somebody deleted it gracefully. */
function deleted(pod: Frozen<Pod>): Frozen<Pod> {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: pod.metadata.deletionTimestamp ?? '1970-01-01T00:00:00Z' } };
}

/** Versions of one object are comparable (KEP-5504). */
function isNewer(a: Frozen<Pod>, b: Frozen<Pod>): boolean {
  return BigInt(a.metadata.resourceVersion ?? '0') > BigInt(b.metadata.resourceVersion ?? '0');
}
