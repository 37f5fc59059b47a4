import { serverUser } from '../authentication/user.ts';
import type { ApiServer } from '../server/api-server.ts';
import { preparedObjects } from './prepared.ts';

/**
 * Writes what every server holds from the start and is not there yet: system namespaces, RBAC roles and bindings, priority
 * classes (upstream's post-start hooks). Objects that exist are left as they are. All are asked of the store at once, so that
 * one sync saves them; an interrupted start is made up for by the next. Resolves with how many were written.
 */
export async function bootstrap(server: ApiServer): Promise<number> {
  const { storage } = server;
  const context = server.contextFor(serverUser);
  const wanted = preparedObjects().flatMap(({ group, version, resource, objects }) => {
    const registry = server.resources.registry(group, version, resource);
    return registry === undefined ? [] : objects.map((prepared) => ({ key: registry.key(prepared.namespace, prepared.name), prepared }));
  });
  const found = await Promise.all(wanted.map(({ key }) => storage.get(key)));
  const missing = wanted.filter((_, i) => found[i]?.stored === undefined);
  const results = await Promise.all(
    missing.map(({ key, prepared }) => storage.commit({ key, expect: 'absent', value: prepared.value(context) })),
  );
  return results.filter(({ succeeded }) => succeeded).length; // of the others, another member was faster
}
