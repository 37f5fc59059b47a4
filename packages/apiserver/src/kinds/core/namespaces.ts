import type { Namespace } from '@coracle/api';
import { withEntry } from '@coracle/apimachinery';
import { nameIsDns1123Label } from '../../registry/validate-metadata.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

/** Set on every namespace, so that selectors can name one. */
const nameLabel = 'kubernetes.io/metadata.name';
/** Held by the namespace controller until all that is in the namespace is gone. */
const finalizer = 'kubernetes';

export const namespaces: KindHooks = hooksFor<Namespace>({
  default(namespace) {
    const { metadata } = namespace;
    const name = metadata.name ?? '';
    if (name === '' || metadata.labels?.[nameLabel] === name) return namespace;
    return { ...namespace, metadata: { ...metadata, labels: withEntry(metadata.labels, nameLabel, name) } };
  },
  strategy: {
    prepareForCreate(namespace) {
      const finalizers = namespace.spec?.finalizers ?? [];
      const held = finalizers.includes(finalizer) ? finalizers : [...finalizers, finalizer];
      return { ...namespace, spec: { ...namespace.spec, finalizers: held }, status: { phase: 'Active' } };
    },
    prepareForUpdate: (namespace, old) => ({ ...namespace, spec: old.spec ?? {}, status: old.status ?? {} }),
    validateName: nameIsDns1123Label,
    isHeld: (namespace) => ((namespace as unknown as Namespace).spec?.finalizers ?? []).length > 0,
    whenMarked(namespace) {
      // No grace period: there is nothing to wait for but the finalizers.
      const { deletionGracePeriodSeconds: _grace, ...metadata } = namespace.metadata;
      return { ...namespace, metadata, status: { ...(namespace as unknown as Namespace).status, phase: 'Terminating' } };
    },
  },
  selectableFields: { 'status.phase': selectable((namespace) => namespace.status?.phase) },
});
