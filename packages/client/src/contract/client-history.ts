import { type Frozen, StatusError } from '@coracle/apimachinery';
import type { ConfigMap } from '@coracle/api';
import { SharedInformerFactory } from '../informers/factory.ts';
import type { Clientset } from '../kubernetes/clientset.ts';
import { resources } from '../kubernetes/resources.ts';
import { deletionKey } from '../tools/cache/keys.ts';
import { defaultRetry, retryOnConflict } from '../util/retry.ts';

/**
 * Runs one client through every verb, with an informer beside it, in namespace `default`, and tells what happened: a line for each
 * answer, and one for each thing that the informer's handler was told, in order, with versions. Ends with the informer's cache.
 */
export async function clientHistory(clientset: Clientset): Promise<readonly string[]> {
  const { process } = clientset;
  const informers = new SharedInformerFactory(clientset, { namespace: 'default' });
  const informer = informers.forResource(resources.core.v1.configMaps);
  const told = new Log();
  informer.addEventHandler({
    onAdd: (map, isInInitialList) => told.add(`add ${shown(map)}${isInInitialList ? ' (initial)' : ''}`),
    onUpdate: (old, map) => told.add(`update ${old.metadata.resourceVersion} -> ${shown(map)}`),
    onDelete: (map) => told.add(`delete ${deletionKey(map)}`),
  });

  const answers: string[] = [];
  const answered = async (what: string, work: Promise<unknown>): Promise<void> => {
    try {
      answers.push(`${what}: ${JSON.stringify(versionOf(await work))}`);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      answers.push(`${what}: ${error.code} ${error.reason}: ${error.message}`);
    }
  };
  const maps = clientset.coreV1.configMaps('default');
  await answered('create', maps.create({ metadata: { name: 'present' }, data: { n: '0' } }));
  informers.start();
  await informers.waitForCacheSync();
  const { metadata } = await maps.get('present');
  for (const key of ['a', 'b', '__proto__'])
    await answered('create', maps.create({ metadata: { name: 'made', generateName: key }, data: { [key]: '1' } }));
  await answered('update', maps.update({ metadata, data: { n: '1' } }));
  await answered('update of an old version', maps.update({ metadata, data: { n: '2' } }));
  const retried = retryOnConflict(process, defaultRetry, async () => {
    const current = await maps.get('present');
    return maps.update({ ...current, data: { ...current.data, n: '3' } });
  });
  await answered('update with retries', retried);
  await answered(
    'update that changes nothing',
    maps.get('present').then((current) => maps.update(current)),
  );
  await answered('patch', maps.patch('present', 'merge', { metadata: { labels: { patched: 'yes' } } }));
  await answered('patch', maps.patch('present', 'json', [{ op: 'remove', path: '/data/n' }]));
  await answered('dry run', maps.create({ metadata: { name: 'dry' } }, { dryRun: 'All' }));
  await answered('get', maps.get('none'));
  await answered('delete', maps.delete('made'));
  await answered('delete', maps.delete('made'));
  await answered('create anew', maps.create({ metadata: { name: 'made' }, immutable: true }));
  await answered('update of what is immutable', maps.update({ metadata: { name: 'made' }, data: { a: 'b' } }));
  await answered('delete of the collection', maps.deleteCollection({}, { labelSelector: 'patched=yes' }));
  await answered('create', maps.create({ metadata: { name: 'last' } }));
  await told.until((line) => line.startsWith('add default/last'));
  await informers.shutdown();
  const cached = informer.indexer.list().map((map) => `cached ${shown(map)}`);
  return [...answers, ...told.lines, ...cached.sort()];
}

/** Lines that somebody may wait for. */
class Log {
  readonly lines: string[] = [];
  readonly #waiting: { readonly holds: (line: string) => boolean; resolve(): void }[] = [];

  add(line: string): void {
    this.lines.push(line);
    for (const { holds, resolve } of this.#waiting) if (holds(line)) resolve();
  }

  until(holds: (line: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (this.lines.some(holds)) resolve();
      else this.#waiting.push({ holds, resolve });
    });
  }
}

function shown({ metadata, data }: Frozen<ConfigMap>): string {
  return `${metadata.namespace}/${metadata.name}@${metadata.resourceVersion} ${JSON.stringify(data ?? {})} ${JSON.stringify(metadata.labels ?? {})}`;
}

function versionOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return typeof value;
  const { metadata } = value;
  return typeof metadata === 'object' && metadata !== null && 'resourceVersion' in metadata ? metadata.resourceVersion : 'none';
}
