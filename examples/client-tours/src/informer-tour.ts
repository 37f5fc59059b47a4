import { type Clientset, deletionKey, metaNamespaceKey, resources, SharedInformerFactory } from '@coracle/client';

/**
 * Keeps the ConfigMaps of a namespace in memory, found by the label `team` too, and tells what changes until `signal` aborts. `changes`
 * is run once the cache is full.
 */
export async function informerTour(
  clientset: Clientset,
  signal: AbortSignal,
  tell: (line: string) => void,
  changes: () => Promise<void>,
  namespace = 'default',
): Promise<void> {
  const informers = new SharedInformerFactory(clientset, { namespace });
  const maps = informers.forResource(resources.core.v1.configMaps);
  maps.addIndexers({ team: (map) => (map.metadata.labels?.['team'] === undefined ? [] : [map.metadata.labels['team']]) });
  maps.addEventHandler({
    onAdd: (map, isInInitialList) => tell(`${isInInitialList ? 'found' : 'added'} ${metaNamespaceKey(map)}`),
    onUpdate: (old, map) =>
      tell(`updated ${metaNamespaceKey(map)}: ${JSON.stringify(old.data ?? {})} to ${JSON.stringify(map.data ?? {})}`),
    onDelete: (deleted) => tell(`deleted ${deletionKey(deleted)}`),
  });
  informers.start();
  await informers.waitForCacheSync();
  await changes();
  tell(`of team blue: ${maps.indexer.byIndex('team', 'blue').map(metaNamespaceKey).join(', ')}`);
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await informers.shutdown();
}
