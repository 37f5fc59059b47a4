import { mastersGroup } from '../authentication/user.ts';
import type { ApiServer } from '../server/api-server.ts';
import type { Key } from '../storage/storage.ts';
import { type Prepared, preparedObjects } from './prepared.ts';

/** Who the server is when it writes for itself. */
const loopbackUser = { name: 'system:apiserver', groups: [mastersGroup] };

/**
 * Writes what every server holds from the start and is not there yet: system namespaces, RBAC roles and bindings, priority
 * classes (upstream's post-start hooks). Objects that exist are left as they are. All are asked of the store at once, so that
 * one sync saves them; an interrupted start is made up for by the next. Resolves with how many were written.
 */
export async function bootstrap(server: ApiServer): Promise<number> {
  const { storage } = server;
  const context = server.contextFor(loopbackUser);
  const missing: { readonly key: Key; readonly prepared: Prepared }[] = [];
  for (const { group, version, resource, objects } of preparedObjects()) {
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
