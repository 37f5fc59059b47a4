import { EmbeddedStorage, fixtureKeySource } from '@coracle/apiserver';
import { deepFreeze, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import { DiscoveryClient, RestMapper } from '@coracle/client';
import { localProvisioner } from '@coracle/controller-manager';
import { MemoryStore, prefixEnd } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { operatorRbac, tidbClusterCrd } from '@coracle/tidb-operator';
import { Cluster } from '../cluster.ts';
import { createMissing } from '../create-missing.ts';

/** What claims without a class get: a directory of a simulated node. */
const defaultStorageClass = deepFreeze({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
});

const registry = { key: '/registry/', end: prefixEnd('/registry/') };

/** What a server holds once a client has created what the parts need, by resource: what parts.generated.ts has to hold. */
export async function partsAsStored(): Promise<Readonly<Record<string, string>>> {
  const runtime = new SimRuntime();
  const store = new MemoryStore({ process: runtime.process('etcd') });
  const storage = new EmbeddedStorage(store);
  const cluster = new Cluster({ runtime, storage, serviceAccountKey: fixtureKeySource.keyPair().privateKey });
  await runtime.drive(cluster.start());
  const mapper = new RestMapper(new DiscoveryClient(cluster.admin.rest));
  const lines = new Map<string, string[]>();
  for (const object of [defaultStorageClass, tidbClusterCrd(), ...operatorRbac()] as readonly KubeObject[]) {
    const before = store.revision;
    await runtime.drive(createMissing(cluster.admin, mapper, object));
    await runtime.settle(); // until a definition is served
    const created = store.range(registry).kvs.find(({ createRevision }) => createRevision > before);
    if (created === undefined) throw new TypeError(`Nothing was created for ${object.kind ?? ''} "${object.metadata.name ?? ''}"`);
    const { group, version } = parseGroupVersion(object.apiVersion ?? '');
    const { resource } = await runtime.drive(mapper.handleForKind({ group, version, kind: object.kind ?? '' }));
    const of = `${object.apiVersion ?? ''}/${resource}`;
    lines.set(of, [...(lines.get(of) ?? []), withHoles(new TextDecoder().decode(created.value))]);
  }
  await runtime.drive(cluster.stop());
  return Object.fromEntries([...lines].map(([of, texts]) => [of, texts.join('\n')]));
}

/** Without what differs in each cluster. The metadata come first, so it is theirs that is found. */
function withHoles(text: string): string {
  return text
    .replace(/"creationTimestamp":"[^"]*"/, '"creationTimestamp":""')
    .replace(/"uid":"[^"]*"/, '"uid":""')
    .replace(/"lastTransitionTime":"[^"]*"/g, '"lastTransitionTime":""');
}
