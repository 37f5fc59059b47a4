import type { DeviceTaintRule } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const devicetaintrules: KindHooks = hooksFor<DeviceTaintRule>({ strategy: { hasGeneration: true, allowUnconditionalUpdate: false } });
