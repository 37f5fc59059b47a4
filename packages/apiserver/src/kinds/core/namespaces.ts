import type { Namespace } from '@coracle/api';
import { FieldError, withEntry } from '@coracle/apimachinery';
import { nameIsDns1123Label } from '../../registry/validate-metadata.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { qualifiedName } from '../rules/names.ts';
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
    validate: ({ spec }) => validateFinalizers(spec?.finalizers ?? []),
    validateUpdate: () => [],
    validateName: nameIsDns1123Label,
    isHeld: (namespace) => ((namespace as unknown as Namespace).spec?.finalizers ?? []).length > 0, // hooks of namespaces get namespaces
    whenMarked(namespace) {
      // No grace period: there is nothing to wait for but the finalizers.
      const { deletionGracePeriodSeconds: _grace, ...metadata } = namespace.metadata;
      return { ...namespace, metadata, status: { ...(namespace as unknown as Namespace).status, phase: 'Terminating' } }; // hooks of namespaces get namespaces
    },
  },
  statusStrategy: { validateUpdate: validateStatus },
  selectableFields: { 'status.phase': selectable((namespace) => namespace.status?.phase) },
});

/** Without a domain only those finalizers are known that are Kubernetes' own. */
export function validateFinalizers(finalizers: readonly string[]): readonly FieldError[] {
  return finalizers.flatMap((name) => {
    const faults = [...qualifiedName('spec.finalizers', name)];
    if (faults.length === 0 && !name.includes('/') && name !== finalizer && name !== 'orphan' && name !== 'foregroundDeletion') {
      faults.push(FieldError.invalid('spec.finalizers', name, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
    return faults;
  });
}

function validateStatus({ metadata, status }: Namespace): readonly FieldError[] {
  const phase = status?.phase ?? '';
  if (metadata.deletionTimestamp === undefined) {
    return phase === 'Active' ? [] : [FieldError.invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return phase === 'Terminating'
    ? []
    : [FieldError.invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}
