import type { LifecycleHandler } from '@coracle/api';
import { type Frozen, mapFrom } from '@coracle/apimachinery';
import { assert } from '@coracle/kernel';
import { ContainerLog } from '../container/container-log.ts';
import { ContainerRun, type Exit } from '../container/container-run.ts';
import { mountedFileSystem } from '../container/file-system.ts';
import { parseImage } from '../container/images.ts';
import { runHook } from '../container/probing.ts';
import type { Caller } from '../network/dialer.ts';
import { environment, expand } from './environment.ts';
import { ConfigError } from './pod-objects.ts';
import type { PodWorker } from './pod-worker.ts';
import { newProbes } from './probe-state.ts';
import { type PodRecord, specOf, started, waiting, withContainer } from './record.ts';
import { mountsOf } from './volumes.ts';

/** What a container was started with: plain data, for a fork starts it with the same. */
export interface RunInputs {
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly args: readonly string[];
}

const retryConfigMs = 10_000;

/** Resolves what the container is to be started with; `begun` is absent when that is not possible now. */
export function beginRun(
  worker: PodWorker,
  name: string,
): { readonly record: PodRecord; readonly begun?: { readonly id: string; readonly inputs: RunInputs } } {
  const { node, pod, record } = worker;
  const spec = specOf(pod, name);
  assert(spec !== undefined, `pod ${record.name} has no container ${name}`);
  const objects = node.objects.of(pod);
  const nowMs = node.process.clock.now();
  try {
    const services = node.network.services(pod.metadata.namespace ?? '');
    const master = node.network.services('default').find(({ metadata }) => metadata.name === 'kubernetes');
    const env = environment({ pod, container: spec, objects, services, master, allocatable: node.allocatable });
    mountsOf(spec, worker.volumes, env);
    if (objects.isPending) return { record };
    const expanded = (words: readonly string[] = []): readonly string[] =>
      words.map((word) => expand(word, (variable) => env.get(variable)));
    const id = Buffer.from(node.process.random.bytes(32)).toString('hex');
    node.recorder.event(pod, 'Normal', 'Created', 'Container created');
    node.recorder.event(pod, 'Normal', 'Started', 'Container started');
    const probes = newProbes(spec);
    const next = withContainer(record, name, (container) => started(container, { id, nowMs, probes }));
    return { record: next, begun: { id, inputs: { env: mapFrom(env), command: expanded(spec.command), args: expanded(spec.args) } } };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (objects.isPending) return { record };
    const { message } = error;
    const isKnown = record.containers.some(({ name: each, run }) => each === name && run.phase === 'waiting' && run.message === message);
    if (!isKnown) node.recorder.event(pod, 'Warning', 'Failed', `Error: ${message}`);
    return {
      record: withContainer(record, name, (container) => ({
        ...waiting(container, 'CreateContainerConfigError', message),
        blockedUntilMs: nowMs + retryConfigMs,
      })),
    };
  }
}

export interface NewRun {
  readonly container: string;
  readonly id: string;
  readonly inputs: RunInputs;
  readonly resumed: Frozen<unknown>;
  readonly onExit: (exit: Exit) => void;
}

/** The run of a container that `beginRun`, or a snapshot, describes. */
export function newRun(worker: PodWorker, { container, id, inputs, resumed, onExit }: NewRun): ContainerRun {
  const { node, pod, record } = worker;
  const spec = specOf(pod, container);
  assert(spec !== undefined, `pod ${record.name} has no container ${container}`);
  const program = node.programs.find(parseImage(spec.image ?? ''));
  const env = new Map(Object.entries(inputs.env));
  const before = worker.logs.get(container);
  const isResumed = before !== undefined && !before.current.ended;
  const log = isResumed ? before.current : new ContainerLog(() => node.process.clock.now());
  if (!isResumed) worker.logs.set(container, { current: log, previous: before?.current });
  const preStop = spec.lifecycle?.preStop;
  return new ContainerRun({
    host: node.process,
    name: container,
    image: spec.image ?? '',
    pod,
    id,
    restarts: record.containers.find(({ name }) => name === container)?.restarts ?? 0,
    program: program === 'missing' ? removedImage : program,
    ...inputs,
    env,
    files: mountedFileSystem(mountsOf(spec, worker.volumes, env)),
    network: node.network,
    caller: callerOf(worker),
    log,
    resumed,
    preStop: preStop === undefined ? undefined : (signal) => runPreStop(worker, container, preStop, signal),
    onExit,
  });
}

/** An image that was there when it was pulled, and was declared missing since. */
async function removedImage(): Promise<number> {
  return 127;
}

/** How the pod stands in the network, with the names of its /etc/hosts. */
export function callerOf({ pod, record, node }: PodWorker): Caller {
  const ip = record.podIP ?? node.hostIP;
  const { namespace = '', name = '' } = pod.metadata;
  const { hostname = name, subdomain, hostAliases = [] } = pod.spec;
  const hosts = new Map<string, string>([[hostname, ip]]);
  if (subdomain !== undefined) hosts.set(`${hostname}.${subdomain}.${namespace}.svc.cluster.local`, ip);
  for (const { ip: alias, hostnames = [] } of hostAliases) for (const each of hostnames) hosts.set(each, alias);
  return { ip, namespace, hosts };
}

async function runPreStop(worker: PodWorker, container: string, hook: Frozen<LifecycleHandler>, signal: AbortSignal): Promise<void> {
  const { node, pod, record } = worker;
  const spec = specOf(pod, container);
  if (spec === undefined) return;
  try {
    await runHook(hook, {
      process: node.process,
      dialer: node.network.dialer(node.process),
      podIP: record.podIP ?? node.hostIP,
      container: spec,
      signal,
    });
  } catch (error) {
    if (signal.aborted) return; // the container has ended
    node.process.log.warn('preStop hook failed', { container, error: error instanceof Error ? error.message : String(error) });
    node.recorder.event(pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed'); // without why: there may be secrets in it
  }
}
