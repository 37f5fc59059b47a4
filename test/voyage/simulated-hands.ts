import assert from 'node:assert/strict';
import { type Frozen, getOwn, isNotFound, type KubeObject, readYamlDocuments } from '@coracle/apimachinery';
import { DiscoveryClient, NoMatchError, type ResourceClient, RestMapper } from '@coracle/client';
import { createMissing, type SimulatedCluster } from '@coracle/cluster';
import type { Hands, Named } from './voyage.ts';

/** A user of a simulated cluster: waiting is letting it settle. */
export function simulatedHands(cluster: SimulatedCluster): Hands {
  const { admin } = cluster;
  const clientFor = async ({ resource, namespace }: Omit<Named, 'name'>): Promise<ResourceClient<KubeObject>> => {
    const handle = await cluster.drive(new RestMapper(new DiscoveryClient(admin.rest)).handleForName(resource));
    return admin.resource(handle, namespace) as ResourceClient<KubeObject>; // an unstructured object is one
  };
  const get = async (object: Named): Promise<Frozen<KubeObject>> => cluster.drive((await clientFor(object)).get(object.name));
  const read = async (object: Named, jsonPath: string): Promise<string> => find(await get(object), jsonPath);
  return {
    async apply(yaml) {
      const missing = [...readYamlDocuments(yaml)] as KubeObject[]; // what the voyage writes are objects
      while (missing.length > 0) {
        const mapper = new RestMapper(new DiscoveryClient(admin.rest));
        const object = missing[0];
        if (object === undefined) break;
        try {
          await cluster.drive(createMissing(admin, mapper, object));
          missing.shift();
        } catch (error) {
          if (!(error instanceof NoMatchError)) throw error;
        }
        await cluster.settle();
      }
    },
    async becomes(object, jsonPath, value) {
      await cluster.settle();
      assert.equal(await read(object, jsonPath), value, `${jsonPath} of ${object.resource} ${object.name}`);
    },
    async patch(object, patch) {
      await cluster.drive((await clientFor(object)).patch(object.name, 'merge', patch));
    },
    async remove(object) {
      const client = await clientFor(object);
      await cluster.drive(client.delete(object.name, { propagationPolicy: 'Background' }));
      await cluster.settle();
      await assert.rejects(cluster.drive(client.get(object.name)), isNotFound);
    },
    async collected(resource, namespace, instance) {
      await cluster.settle();
      const { items } = await cluster.drive((await clientFor({ resource, namespace })).list());
      const left = items.filter(({ metadata }) => instance === '' || getOwn(metadata.labels, 'app.kubernetes.io/instance') === instance);
      assert.deepEqual(
        left.map(({ metadata }) => metadata.name),
        [],
        `${resource} in ${namespace}`,
      );
    },
    read,
  };
}

/** The few forms of JSONPath that the voyage uses: members, `*`, and one comparison of a member of a list's elements. */
export function find(object: unknown, jsonPath: string): string {
  let found: unknown[] = [object];
  for (const part of jsonPath.slice(1, -1).matchAll(/\.([A-Za-z]+|\*)|\[\?\(@\.(\w+)=="(\w+)"\)\]/g)) {
    const [, member, key = '', value] = part;
    if (member === '*') found = found.flatMap((one) => Object.values(one as object));
    else if (member !== undefined) found = found.flatMap((one) => ownMember(one, member));
    else found = found.flatMap((one) => (one as readonly unknown[]).filter((element) => ownMember(element, key)[0] === value));
  }
  return found.map(String).join(' ');
}

function ownMember(value: unknown, key: string): readonly unknown[] {
  const member = getOwn(value as Readonly<Record<string, unknown>>, key);
  return member === undefined ? [] : [member];
}
