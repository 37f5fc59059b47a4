import type { CSIDriver } from '@coracle/api';
import { FieldError, semanticEqual } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { supported } from '../rules/names.ts';
import { hooksFor } from '../typed-hooks.ts';

export const csidrivers: KindHooks = hooksFor<CSIDriver>({
  default: (driver) => ({
    ...driver,
    spec: defaulted(driver.spec, {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
      preventPodSchedulingIfMissing: false,
    }),
  }),
  strategy: {
    // Nobody counts at its creation.
    prepareForUpdate: (driver, old) =>
      semanticEqual(driver.spec, old.spec)
        ? driver
        : { ...driver, metadata: { ...driver.metadata, generation: (old.metadata.generation ?? 0) + 1 } },
    validate,
    warnings: secretsInAttributes,
    allowUnconditionalUpdate: false,
  },
});

function secretsInAttributes({ spec }: CSIDriver): readonly string[] {
  if ((spec.tokenRequests ?? []).length === 0 || spec.serviceAccountTokenInSecrets !== undefined) return [];
  return [
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  ];
}

function validate({ spec }: CSIDriver): readonly FieldError[] {
  const faults: FieldError[] = [...supported('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType'])];
  const audiences = new Set<string>();
  for (const [i, { audience }] of (spec.tokenRequests ?? []).entries()) {
    if (audiences.has(audience)) faults.push(FieldError.duplicate(`spec.tokenRequests[${i}].audience`, audience));
    audiences.add(audience);
  }
  for (const mode of spec.volumeLifecycleModes ?? [])
    faults.push(...supported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral']));
  return faults;
}
