import type { ClusterRoleBinding } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { defaultBinding } from './bindings.ts';
import { immutableRef, validateBinding } from './rule-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const clusterrolebindings: KindHooks = hooksFor<ClusterRoleBinding>({
  default: defaultBinding,
  strategy: {
    validateName: nameIsPathSegment,
    validate: (binding) => validateBinding(binding, ['ClusterRole']),
    validateUpdate: (binding, old) => [...immutableRef(binding, old), ...validateBinding(binding, ['ClusterRole'])],
  },
});
