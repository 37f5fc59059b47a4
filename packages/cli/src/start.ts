import { type ComponentProgress, followTidbCluster, startCluster } from '@coracle/cluster';
import { LiveRuntime } from '@coracle/kernel';
import { createMissing, readManifest } from './manifest.ts';
import type { Terminal } from './terminal.ts';

export interface StartOptions {
  readonly directory: string;
  readonly port: number;
  readonly nodes: number;
  readonly name: string;
  /** A manifest with a TidbCluster. */
  readonly file: string;
}

/**
 * The first voyage: a control plane, the TiDB operator, and a TidbCluster that comes up while one looks on. What is shown is
 * what a client's watches say. Stays up until interrupted; resolves with the exit code.
 */
export async function start(options: StartOptions, terminal: Terminal): Promise<number> {
  const { stdout, interrupted } = terminal;
  const objects = readManifest(options.file);
  const { clock } = new LiveRuntime().process('cli');
  const began = clock.monotonic();
  const started = await startCluster({ ...options, log: terminal.log });
  try {
    stdout.write(`Control plane ready at ${started.url} after ${seconds(clock.monotonic() - began)}\n`);
    const { admin } = started.cluster;
    for (const { object, result } of await createMissing(admin, objects)) stdout.write(`  ${object.kind ?? ''} ${object.metadata.name ?? ''} ${result}\n`);
    const cluster = objects.find(({ kind }) => kind === 'TidbCluster');
    if (cluster !== undefined) {
      const { name = '', namespace = 'default' } = cluster.metadata;
      const show = progressPrinter(stdout);
      await followTidbCluster(started.cluster.clientset('progress', started.adminUser), { namespace, name, signal: interrupted, onProgress: show });
      stdout.write(`TidbCluster ${namespace}/${name} is ready, ${seconds(clock.monotonic() - began)} after the start\n`);
      stdout.write(`\n  export KUBECONFIG=${started.kubeconfig}\n\nWorth trying:\n  kubectl get tidbclusters -A\n  kubectl -n ${namespace} get pods -o wide\n  kubectl -n ${namespace} patch tc ${name} --type merge -p '{"spec":{"tikv":{"replicas":4}}}'\n\nCtrl-C stops it; started again it goes on where it was.\n`);
    }
    await aborted(interrupted);
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    await started.stop();
  }
  return 0;
}

/** A line for each component, printed again when it changes. */
function progressPrinter(stdout: Terminal['stdout']): (lines: readonly ComponentProgress[]) => void {
  const shown = new Map<string, string>();
  return (lines) => {
    for (const { component, ready, desired, waitsFor } of lines) {
      const text = `  ${component.padEnd(6)}${`${ready}/${desired}`.padEnd(6)}${waitsFor === '' ? '✓ ready' : `waits for ${waitsFor}`}\n`;
      if (shown.get(component) === text) continue;
      shown.set(component, text);
      stdout.write(text);
    }
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
