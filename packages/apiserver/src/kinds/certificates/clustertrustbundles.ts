import type { ClusterTrustBundle } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

export const clustertrustbundles: KindHooks = hooksFor<ClusterTrustBundle>({
  strategy: { allowUnconditionalUpdate: false },
  selectableFields: { 'spec.signerName': selectable((bundle) => bundle.spec.signerName) },
});
