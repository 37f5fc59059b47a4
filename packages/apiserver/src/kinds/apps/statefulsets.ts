import type { StatefulSet } from '@coracle/api';
import { defaultClaim } from '../core/persistentvolumeclaims-defaults.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const statefulsets: KindHooks = hooksFor<StatefulSet>({
  default(set) {
    const spec = defaulted(set.spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
    let updateStrategy = defaulted(spec.updateStrategy ?? {}, { type: 'RollingUpdate' });
    if (updateStrategy.type === 'RollingUpdate') {
      updateStrategy = { ...updateStrategy, rollingUpdate: defaulted(updateStrategy.rollingUpdate ?? {}, { partition: 0, maxUnavailable: 1 }) };
    }
    const retention = defaulted(spec.persistentVolumeClaimRetentionPolicy ?? {}, { whenDeleted: 'Retain', whenScaled: 'Retain' });
    const complete = { ...spec, updateStrategy, persistentVolumeClaimRetentionPolicy: retention, template: defaultPodTemplate(spec.template) };
    return { ...set, spec: inField(complete, 'volumeClaimTemplates', (claims) => inEach(claims, asClaim)) };
  },
  strategy: { hasGeneration: true },
});

/** Templates say of which kind they are once they are stored. */
function asClaim(claim: NonNullable<StatefulSet['spec']['volumeClaimTemplates']>[number]): typeof claim {
  return defaultClaim({ ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' });
}
