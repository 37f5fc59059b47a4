import type { Cells } from '../registry/kind-hooks.ts';
import { apps } from './apps.ts';
import { autoscaling } from './autoscaling.ts';
import { batch } from './batch.ts';
import { core } from './core.ts';
import { extension } from './extension.ts';
import { networking } from './networking.ts';
import { policy } from './policy.ts';
import { storage } from './storage.ts';

/**
 * What a Table shows of an object of each built-in kind, by `group/version/resource`, in the order of the columns of
 * `resourceRows` (pkg/printers/internalversion). Kinds that are not here show name and age.
 */
export const cellsOf: Readonly<Record<string, Cells>> = {
  ...core,
  ...apps,
  ...autoscaling,
  ...batch,
  ...extension,
  ...networking,
  ...policy,
  ...storage,
};
