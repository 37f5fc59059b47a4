import type { StorageClass } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

export const storageclasses: KindHooks = hooksFor<StorageClass>({
  default: (kind) => defaulted(kind, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  strategy: {},
});
