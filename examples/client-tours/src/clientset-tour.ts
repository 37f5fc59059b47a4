import type { Deployment } from '@coracle/api';
import { isNotFound } from '@coracle/apimachinery';
import { type Clientset, defaultRetry, type ObjectInput, retryOnConflict } from '@coracle/client';

/** Takes a Deployment through its life, and tells of each step. */
export async function clientsetTour(clientset: Clientset, tell: (line: string) => void, namespace = 'default'): Promise<void> {
  const deployments = clientset.appsV1.deployments(namespace);
  const labels = { app: 'demo' };
  const wanted: ObjectInput<Deployment> = {
    metadata: { name: 'demo' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1.13' }] } },
    },
  };
  const created = await deployments.create(wanted);
  tell(`created ${created.metadata.name} with ${created.spec.replicas} replicas`);

  // Somebody else may write in between: read again, change again.
  const updated = await retryOnConflict(clientset.process, defaultRetry, async () => {
    const current = await deployments.get('demo');
    return deployments.update({ ...current, spec: { ...current.spec, replicas: 1 } });
  });
  tell(`updated to ${updated.spec.replicas} replica`);

  const patched = await deployments.patch('demo', 'strategic', {
    spec: { template: { spec: { containers: [{ name: 'web', image: 'nginx:1.14' }] } } },
  });
  tell(`patched to ${patched.spec.template.spec?.containers[0]?.image}`);

  const { items } = await deployments.list();
  tell(`there is ${items.map(({ metadata, spec }) => `${metadata.name} (${spec.replicas})`).join(', ')}`);

  await deployments.delete('demo', { propagationPolicy: 'Foreground' });
  try {
    await deployments.get('demo');
    tell('deletion has begun');
  } catch (error) {
    if (!isNotFound(error)) throw error;
    tell('deleted');
  }
}
