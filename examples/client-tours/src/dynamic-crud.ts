import { type Clientset, DiscoveryClient, DynamicClient, MemoryCachedDiscovery, RestMapper } from '@coracle/client';

/** Creates, reads, changes and deletes an object of a kind that this program has no type for, found by the name that a user types. */
export async function dynamicCrud(
  clientset: Clientset,
  resourceName: string,
  spec: object,
  tell: (line: string) => void,
  namespace = 'default',
): Promise<void> {
  const mapper = new RestMapper(new MemoryCachedDiscovery(new DiscoveryClient(clientset.rest)), { warn: tell });
  const handle = await mapper.handleForName(resourceName);
  tell(`${resourceName} is ${handle.kind} of ${handle.group}/${handle.version}`);

  const { process, rest } = clientset;
  const objects = new DynamicClient({ process, transport: rest.transport }).resource(handle).namespace(namespace);
  const created = await objects.create({
    apiVersion: `${handle.group}/${handle.version}`,
    kind: handle.kind,
    metadata: { name: 'demo' },
    spec,
  });
  tell(`created ${JSON.stringify(created['spec'])}`);
  // What this program does not know of the object goes back as it came.
  const changed = await objects.update({ ...created, metadata: { ...created.metadata, labels: { toured: 'yes' } } });
  tell(`labelled ${JSON.stringify(changed.metadata.labels)}`);
  await objects.delete('demo');
  tell(`${(await objects.list()).items.length} are left`);
}
