import type { StorageVersionMigration } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const storageversionmigrations: KindHooks = hooksFor<StorageVersionMigration>({ strategy: { allowUnconditionalUpdate: false } });
