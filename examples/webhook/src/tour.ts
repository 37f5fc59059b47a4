import { isNotFound } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import { protectedAnnotation } from './webhooks.ts';
import { betaWebsites, websites } from './websites.ts';

/** Shows on a cluster what the webhooks do, on sites of its own in `namespace`, and cleans up. */
export async function tour(clientset: Clientset, tell: (line: string) => void, namespace: string): Promise<void> {
  const sites = clientset.resource(websites, namespace);
  const beta = clientset.resource(betaWebsites, namespace);
  const refused = async (what: string, work: Promise<unknown>): Promise<void> => {
    const error = await work.then(
      () => new Error('was let through'),
      (reason: unknown) => reason,
    );
    tell(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  await established(clientset, namespace);
  await beta.create({
    metadata: { name: 'blog', annotations: { [protectedAnnotation]: '' } },
    spec: { address: 'http://blog.example.com' },
  });
  const { spec } = await sites.get('blog');
  tell(`made as v1beta1, read as v1: ${JSON.stringify(spec)}`);
  await sites.create({ metadata: { name: 'shop' }, spec: { host: 'shop.example.com' } });
  tell(`made as v1, read as v1beta1: ${JSON.stringify((await beta.get('shop')).spec)}`);
  tell(
    `listed as v1beta1: ${(await beta.list()).items
      .map((site) => site.spec.address)
      .sort()
      .join(', ')}`,
  );
  await refused('a bad host', sites.create({ metadata: { name: 'bad' }, spec: { host: 'not a host' } }));
  await refused('another host', sites.patch('shop', 'merge', { spec: { host: 'other.example.com' } }));
  await refused('a protected site', sites.delete('blog'));
  await sites.patch('blog', 'merge', { metadata: { annotations: { [protectedAnnotation]: null } } });
  await sites.deleteCollection();
  tell(`${(await sites.list()).items.length} are left`);
}

/** A kind that was made just now is not served at once. */
async function established(clientset: Clientset, namespace: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await clientset.resource(betaWebsites, namespace).list();
      return;
    } catch (error) {
      if (!isNotFound(error) || tries === 50) throw error;
      await clientset.process.clock.sleep(200);
    }
  }
}
