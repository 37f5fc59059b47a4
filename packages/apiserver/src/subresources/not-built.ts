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
      await registry.get(context, object);
      throw newNotImplemented(`the subresource ${JSON.stringify(name)} of ${registry.definition.resource}`);
    },
  };
}
