import { newForbidden, newNotFound, StatusError } from '@coracle/apimachinery';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

/** Never deleted: the cluster's own (upstream plugin/pkg/admission/namespace/lifecycle). */
const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Objects are made only in namespaces that exist and are not on their way out. Asked twice: first of all, so that nothing else is
 * said of what has no place, and again when the object is whole.
 */
export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  admit(request) {
    return needsNamespace(request) ? requireNamespace(request) : undefined;
  },
  validate(request) {
    return needsNamespace(request) ? requireNamespace(request) : undefined;
  },
};

/** Whether an object is made in a namespace. Throws the refusal of what is asked of namespaces themselves. */
function needsNamespace({ operation, definition, name, context }: AdmissionRequest): boolean {
  if (definition.group === '' && definition.resource === 'namespaces') {
    if (operation === 'DELETE' && immortal.has(name)) throw newForbidden(definition, name, 'this namespace may not be deleted');
    return false;
  }
  if (!definition.namespaced || context.namespace === '' || operation !== 'CREATE') return false;
  return definition.group !== 'authorization.k8s.io'; // a question about permissions stores nothing
}

async function requireNamespace({ definition, name, context }: AdmissionRequest): Promise<undefined> {
  const { stored } = await context.storage.get(`/registry/namespaces/${context.namespace}`);
  if (stored === undefined) throw newNotFound({ group: '', resource: 'namespaces' }, context.namespace);
  if (stored.object.metadata.deletionTimestamp === undefined) return undefined;
  const why = `unable to create new content in namespace ${context.namespace} because it is being terminated`;
  const refused = newForbidden(definition, name, why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${context.namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  throw new StatusError({ ...refused.status, details: { ...refused.status.details, causes: [cause] } });
}
