import type { DeviceClass } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { validateOpaque } from './claim-validation.ts';

export const deviceclasses: KindHooks = hooksFor<DeviceClass>({
  strategy: {
    hasGeneration: true,
    validate: ({ spec }) => (spec?.config ?? []).flatMap(({ opaque }, i) => validateOpaque(`spec.config[${i}].opaque`, opaque)),
  },
});
