import type { IPAddress } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const ipaddresses: KindHooks = hooksFor<IPAddress>({ strategy: {} });
