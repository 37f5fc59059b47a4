import { isAlreadyExists, type Unstructured } from '@coracle/apimachinery';
import { mastersGroup } from '../authentication/user.ts';
import type { ApiServer } from '../server/api-server.ts';
import { bootstrapText } from './generated.ts';

/** Who the server is when it writes for itself. */
const loopbackUser = { name: 'system:apiserver', groups: [mastersGroup] };

/**
 * Writes what every server holds from the start and is not there yet: system namespaces, RBAC roles and bindings, priority
 * classes (upstream's post-start hooks). Objects that exist are left as they are. Resolves with how many were written.
 */
export async function bootstrap(server: ApiServer): Promise<number> {
  let written = 0;
  for (const [resource, text] of Object.entries(bootstrapText)) {
    const [group, version, name] = split(resource);
    const registry = server.resources.registry(group, version, name);
    if (registry === undefined) continue;
    const { definition } = registry;
    for (const line of text.split('\n')) {
      const recorded = JSON.parse(line) as Unstructured; // generated
      const context = server.contextFor(loopbackUser, recorded.metadata.namespace ?? '');
      const { stored } = await server.storage.get(registry.key(context.namespace, recorded.metadata.name ?? ''));
      if (stored !== undefined) continue;
      try {
        await registry.create(context, definition.decode(recorded).object);
        written++;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error; // another member was faster
      }
    }
  }
  return written;
}

function split(resource: string): readonly [group: string, version: string, name: string] {
  const parts = resource.split('/');
  return parts.length === 2 ? ['', parts[0] ?? '', parts[1] ?? ''] : [parts[0] ?? '', parts[1] ?? '', parts[2] ?? ''];
}
