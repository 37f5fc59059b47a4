import { type Clientset, resources, SharedInformerFactory } from '@coracle/client';
import { unlessAborted } from '@coracle/kernel';
import { explain, isReady, type Seen, type TidbCluster, tidbClusters } from '@coracle/tidb-operator';

/** One line of progress: what it is, what it waits for. */
export interface ComponentProgress {
  readonly component: string;
  readonly ready: number;
  readonly desired: number;
  /** '' once it is ready. */
  readonly waitsFor: string;
}

const titles = { pd: 'PD', tikv: 'TiKV', tidb: 'TiDB' } as const;

/** What a client can say of a TidbCluster by what it has seen. */
export function progressOf(cluster: TidbCluster, seen: Seen): readonly ComponentProgress[] {
  return explain(cluster, seen).map(({ component, ready, desired, waitsFor }) => ({
    component: titles[component],
    ready,
    desired,
    waitsFor: waitsFor === undefined ? '' : `${waitsFor.who}: ${waitsFor.message}`,
  }));
}

/**
 * Follows a TidbCluster until it is ready: `onProgress` is told of every change, by what watches have shown and nothing else.
 * Rejects with the signal's reason when it aborts first.
 */
export async function followTidbCluster(
  clientset: Clientset,
  options: {
    readonly namespace: string;
    readonly name: string;
    readonly signal: AbortSignal;
    onProgress(lines: readonly ComponentProgress[]): void;
  },
): Promise<void> {
  const { namespace, name, signal } = options;
  const informers = new SharedInformerFactory(clientset, { namespace });
  const clusters = informers.forResource(tidbClusters);
  const sets = informers.forResource(resources.apps.v1.statefulSets);
  const pods = informers.forResource(resources.core.v1.pods);
  const ready = Promise.withResolvers<void>();
  const look = (): void => {
    const cluster = clusters.lister.namespace(namespace).get(name) as TidbCluster | undefined;
    if (cluster === undefined) return;
    const seen = { statefulSets: sets.lister.namespace(namespace).list(), pods: pods.lister.namespace(namespace).list() };
    const lines = progressOf(cluster, seen as Seen); // objects of caches are frozen
    options.onProgress(lines);
    if (isReady(cluster) && lines.every(({ waitsFor }) => waitsFor === '')) ready.resolve();
  };
  for (const informer of [clusters, sets, pods]) informer.addEventHandler({ onAdd: look, onUpdate: look, onDelete: look });
  informers.start();
  try {
    await unlessAborted(ready.promise, signal);
  } finally {
    await informers.shutdown();
  }
}
