import type { CSIDriver } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
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
    warnings: secretsInAttributes,
    hasGeneration: true, allowUnconditionalUpdate: false,
  },
});

function secretsInAttributes({ spec }: CSIDriver): readonly string[] {
  if ((spec.tokenRequests ?? []).length === 0 || spec.serviceAccountTokenInSecrets !== undefined) return [];
  return [
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  ];
}
