import { mastersGroup } from '../authentication/user.ts';
import type { ApiServer } from '../server/api-server.ts';
import type { Key } from '../storage/storage.ts';
import { bootstrapText } from './generated.ts';
import { type Prepared, type PreparedResource, prepareObjects } from './prepared.ts';

/** Who the server is when it writes for itself. */
const loopbackUser = { name: 'system:apiserver', groups: [mastersGroup] };

let own: readonly PreparedResource[] | undefined;

/**
 * Writes what every server holds from the start: system namespaces, RBAC roles and bindings, priority classes (upstream's post-start
 * hooks). As `writeMissing`.
 */
export function bootstrap(server: ApiServer): Promise<number> {
  own ??= prepareObjects(bootstrapText);
  return writeMissing(server, own);
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
