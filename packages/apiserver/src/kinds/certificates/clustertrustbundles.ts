import type { ClusterTrustBundle } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';
import { validateTrustBundle, validateTrustBundleUpdate } from './trust-bundle-validation.ts';

export const clustertrustbundles: KindHooks = hooksFor<ClusterTrustBundle>({
  strategy: {
    allowUnconditionalUpdate: false,
    validateName: nameIsPathSegment,
    validate: validateTrustBundle,
    validateUpdate: validateTrustBundleUpdate,
  },
  selectableFields: { 'spec.signerName': selectable((bundle) => bundle.spec.signerName) },
});
