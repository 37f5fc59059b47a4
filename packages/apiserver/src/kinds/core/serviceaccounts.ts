import type { ServiceAccount } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const serviceaccounts: KindHooks = hooksFor<ServiceAccount>({ strategy: {} });
