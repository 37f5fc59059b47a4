import type { ContainerRun } from '../container/container-run.ts';
import { runHook, type ProbeOutcome } from '../container/probing.ts';
import { runProbes } from '../container/prober.ts';
import { graceOf } from './decide.ts';
import type { PodWorker } from './pod-worker.ts';
import { probed, type ProbeKind, probeOf } from './probe-state.ts';
import { containerOf, specOf, withContainer } from './record.ts';

const titles: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };

/** Probes the run until it ends, and runs its postStart hook when it `isNew`: one that goes on after a fork had it. */
export function beginProbing(worker: PodWorker, name: string, run: ContainerRun, { isNew }: { readonly isNew: boolean }): void {
  const { node, pod, record } = worker;
  const spec = specOf(pod, name);
  const container = containerOf(record, name);
  if (spec === undefined || container?.run.phase !== 'running') return;
  const target = {
    process: node.process,
    dialer: node.network.dialer(node.process),
    podIP: record.podIP ?? node.hostIP,
    container: spec,
    signal: run.ended,
  };
  const { postStart } = spec.lifecycle ?? {};
  if (postStart !== undefined && isNew) {
    node.process.spawn(`postStart of ${run.process.name}`, async () => {
      try {
        await runHook(postStart, target);
      } catch (error) {
        if (run.ended.aborted) return;
        node.process.log.warn('postStart hook failed', { container: name, error: error instanceof Error ? error.message : String(error) });
        node.recorder.event(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed'); // without why: there may be secrets in it
        node.recorder.event(pod, 'Normal', 'Killing', 'FailedPostStartHook');
        run.terminate(graceOf(pod));
      }
    });
  }
  if (Object.keys(container.probes).length === 0) return;
  node.process.spawn(`probes of ${run.process.name}`, () =>
    runProbes({
      ...target,
      runningMs: container.run.phase === 'running' ? node.process.clock.now() - container.run.startedAtMs : 0,
      state: (kind) => containerOf(worker.record, name)?.probes[kind],
      isStopping: () => isStopping(worker, name),
      report: (kind, outcome) => report(worker, { name, run, kind, outcome }),
    }),
  );
}

interface Report {
  readonly name: string;
  readonly run: ContainerRun;
  readonly kind: ProbeKind;
  readonly outcome: ProbeOutcome;
}

function report(worker: PodWorker, { name, run, kind, outcome }: Report): void {
  const { node, pod } = worker;
  const spec = specOf(pod, name);
  const probe = spec === undefined ? undefined : probeOf(spec, kind);
  const container = containerOf(worker.record, name);
  const state = container?.probes[kind];
  if (probe === undefined || state === undefined || container?.run.phase !== 'running' || container.run.id !== run.id) return;
  if (kind !== 'readiness' && isStopping(worker, name)) return;
  if (outcome.result === 'unknown') {
    node.recorder.event(pod, 'Warning', 'Unhealthy', `${titles[kind]} probe errored and resulted in unknown state: ${outcome.output}`);
    return;
  }
  if (outcome.result === 'failure') node.recorder.event(pod, 'Warning', 'Unhealthy', `${titles[kind]} probe failed: ${outcome.output}`);
  const next = probed(state, outcome.result === 'success', probe);
  // Only a turn of the result is worth a look at the pod.
  const note = next.result === state.result ? 'quietly' : 'enqueue';
  worker.update((record) => withContainer(record, name, (each) => ({ ...each, probes: { ...each.probes, [kind]: next } })), note);
  if (kind === 'readiness' || next.result !== 'failure') return;
  node.recorder.event(pod, 'Normal', 'Killing', `Container ${name} failed ${kind} probe, will be restarted`);
  worker.markStopping(name);
  run.terminate(probe.terminationGracePeriodSeconds === undefined ? graceOf(pod) : probe.terminationGracePeriodSeconds * 1000);
}

/** The container has been told to stop, or is about to be: it does not matter any more whether it lives. */
function isStopping({ pod, record }: PodWorker, name: string): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || record.stop !== undefined) return true;
  const run = containerOf(record, name)?.run;
  return run?.phase === 'running' && run.stopping;
}
