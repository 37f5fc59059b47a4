import type { StorageVersionMigration } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const storageversionmigrations: KindHooks = hooksFor<StorageVersionMigration>({
  strategy: {
    allowUnconditionalUpdate: false,
    validate: ({ spec }) =>
      (spec?.resource?.resource ?? '') === '' ? [FieldError.required('spec.resource.resource', 'resource is required to be set')] : [],
  },
});
