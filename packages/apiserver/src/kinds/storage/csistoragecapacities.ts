import type { CSIStorageCapacity } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { canonicalQuantity } from '@coracle/apimachinery';
import { hooksFor } from '../typed-hooks.ts';

export const csistoragecapacities: KindHooks = hooksFor<CSIStorageCapacity>({
  default: (object) => inField(inField(object, 'capacity', canonicalQuantity), 'maximumVolumeSize', canonicalQuantity),
  strategy: { allowUnconditionalUpdate: false },
});
