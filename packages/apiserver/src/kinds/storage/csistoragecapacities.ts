import type { CSIStorageCapacity } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { canonicalQuantity, type FieldError } from '@coracle/apimachinery';
import { validateLabelSelector } from '../rules/labels.ts';
import { dnsSubdomain } from '../rules/names.ts';
import { nonNegativeQuantity } from '../rules/resources.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const csistoragecapacities: KindHooks = hooksFor<CSIStorageCapacity>({
  default: (object) => inField(inField(object, 'capacity', canonicalQuantity), 'maximumVolumeSize', canonicalQuantity),
  strategy: { allowUnconditionalUpdate: false, validate, validateUpdate },
});

function validate({ nodeTopology, storageClassName, capacity, maximumVolumeSize }: CSIStorageCapacity): readonly FieldError[] {
  return [
    ...dnsSubdomain('storageClassName', storageClassName),
    ...validateLabelSelector('nodeTopology', nodeTopology),
    ...(capacity === undefined ? [] : nonNegativeQuantity('capacity', capacity)),
    ...(maximumVolumeSize === undefined ? [] : nonNegativeQuantity('maximumVolumeSize', maximumVolumeSize)),
  ];
}

function validateUpdate(capacity: CSIStorageCapacity, old: CSIStorageCapacity): readonly FieldError[] {
  return [
    ...immutable('nodeTopology', capacity.nodeTopology, old.nodeTopology),
    ...immutable('storageClassName', capacity.storageClassName, old.storageClassName),
  ];
}
