import type { RuntimeClass } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import { hooksFor } from '../typed-hooks.ts';

export const runtimeclasses: KindHooks = hooksFor<RuntimeClass>({
  default: (kind) => inField(kind, 'overhead', (overhead) => inField(overhead, 'podFixed', canonicalResources)),
  strategy: { allowUnconditionalUpdate: false },
});
