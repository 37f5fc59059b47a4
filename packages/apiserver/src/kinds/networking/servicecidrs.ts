import type { ServiceCIDR } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const servicecidrs: KindHooks = hooksFor<ServiceCIDR>({ strategy: {} });
