import { mastersGroup } from '../authentication/user.ts';
import type { RequestContext } from '../registry/definition.ts';
import { objectKey } from '../registry/generic-registry.ts';
import type { ApiServer } from '../server/api-server.ts';
import { builtInKinds } from '../server/built-in-kinds.ts';
import type { Key, NewValue } from '../storage/storage.ts';
import { bootstrapText } from './generated.ts';
import { type Prepared, type PreparedResource, prepareObjects } from './prepared.ts';

/** Who the server is when it writes for itself. */
const loopbackUser = { name: 'system:apiserver', groups: [mastersGroup] };

let own: readonly PreparedResource[] | undefined;

/** What every server holds from the start: system namespaces, RBAC roles and bindings, priority classes (upstream's post-start hooks). */
export function serverObjects(): readonly PreparedResource[] {
  own ??= prepareObjects(bootstrapText);
  return own;
}

/** Writes `serverObjects()`, as `writeMissing` does. */
export function bootstrap(server: ApiServer): Promise<number> {
  return writeMissing(server, serverObjects());
}

/** What `writeMissing` would write into an empty store, in its order. */
export function storedForms(
  resources: readonly PreparedResource[],
  context: Pick<RequestContext, 'clock' | 'random'>,
): readonly { readonly key: Key; readonly value: NewValue }[] {
  return resources.flatMap(({ group, version, resource, objects }) => {
    const definition = builtInKinds().find((one) => one.group === group && one.version === version && one.resource === resource);
    if (definition === undefined) return [];
    return objects.map((prepared) => ({
      key: objectKey(definition, prepared.namespace, prepared.name),
      value: prepared.value(context),
    }));
  });
}

/**
 * Writes what is not there yet, for the server itself: nobody is asked whether it may, and nothing is checked that was checked when it
 * was prepared. Objects that exist are left as they are. All are asked of the store at once, so that one sync saves them; an
 * interrupted start is made up for by the next. Resolves with how many were written.
 */
export async function writeMissing(server: ApiServer, resources: readonly PreparedResource[]): Promise<number> {
  const { storage } = server;
  const context = server.contextFor(loopbackUser);
  const missing: { readonly key: Key; readonly prepared: Prepared }[] = [];
  for (const { group, version, resource, objects } of resources) {
    const registry = server.resources.registry(group, version, resource);
    if (registry === undefined) continue;
    const { items } = await storage.list(registry.prefix(''));
    const found = new Set(items.map(({ key }) => key));
    for (const prepared of objects) {
      const key = registry.key(prepared.namespace, prepared.name);
      if (!found.has(key)) missing.push({ key, prepared });
    }
  }
  const results = await Promise.all(
    missing.map(({ key, prepared }) => storage.commit({ key, expect: 'absent', value: prepared.value(context) })),
  );
  return results.filter(({ succeeded }) => succeeded).length; // of the others, another member was faster
}
