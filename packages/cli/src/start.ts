import { followTidbCluster, startCluster, type StartClusterOptions } from '@coracle/cluster';
import { LiveRuntime, untilAborted } from '@coracle/kernel';
import { applyManifest } from './apply.ts';
import { readManifest } from './manifest.ts';
import { progressView } from './progress-view.ts';
import type { Terminal } from './terminal.ts';

export interface StartOptions extends Pick<StartClusterOptions, 'etcd'> {
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
  const { interrupted } = terminal;
  const objects = readManifest(options.file);
  const { clock } = new LiveRuntime().process('cli');
  const began = clock.monotonic();
  using view = progressView(terminal);
  const started = await startCluster({ ...options, log: (record) => view.aside(() => terminal.log(record)) });
  try {
    view.say(`Control plane ready at ${started.url} after ${seconds(clock.monotonic() - began)}`);
    await applyManifest(started.cluster.admin, objects, ({ kind, metadata }, applied) =>
      view.say(`  ${kind ?? ''} ${metadata.name ?? ''} ${applied}`),
    );
    const tidbCluster = objects.find(({ object }) => object.kind === 'TidbCluster')?.object.metadata;
    const { name = '', namespace = 'default' } = tidbCluster ?? {};
    if (tidbCluster !== undefined) {
      const clientset = started.cluster.clientset('progress', started.adminUser);
      await followTidbCluster(clientset, { namespace, name, signal: interrupted, onProgress: (lines) => view.show(lines) });
      view.end();
      view.say(`TidbCluster ${namespace}/${name} is ready, ${seconds(clock.monotonic() - began)} after the start`);
    }
    const worthTrying =
      tidbCluster === undefined
        ? ['kubectl get nodes', 'kubectl get all -A', 'kubectl api-resources']
        : [
            'kubectl get tidbclusters -A',
            `kubectl -n ${namespace} get pods -o wide`,
            `kubectl -n ${namespace} patch tc ${name} --type merge -p '{"spec":{"tikv":{"replicas":4}}}'`,
          ];
    view.say(
      `\n  export KUBECONFIG=${started.kubeconfig}\n\nWorth trying:\n${worthTrying.map((command) => `  ${command}\n`).join('')}\nCtrl-C stops it; started again it goes on where it was.`,
    );
    await untilAborted(interrupted);
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    await started.stop();
  }
  return 0;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
