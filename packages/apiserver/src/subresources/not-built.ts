import { newNotImplemented } from '@coracle/apimachinery';
import type { Subresource } from '../registry/definition.ts';

/** A subresource of Kubernetes that this server does not have: 404 for objects that do not exist, 501 for all others. */
export function notBuilt(name: string): Subresource {
  return {
    name,
    isBuilt: false,
    response: { group: '', version: 'v1', kind: 'Status' },
    verbs: ['create', 'delete', 'get', 'patch', 'update'],
    async handler({ name: object, context, registry }) {
      await registry.get(context, name === 'proxy' ? proxiedName(object) : object);
      throw newNotImplemented(`the subresource ${JSON.stringify(name)} of ${registry.definition.resource}`);
    },
  };
}

/** The object in NAME, NAME:PORT and SCHEME:NAME:PORT, by which one asks for a proxy. */
function proxiedName(text: string): string {
  const parts = text.split(':');
  return (parts.length === 3 ? parts[1] : parts[0]) ?? '';
}
