import type { ReplicaSet } from '@coracle/api';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { defaulted, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const replicasets: KindHooks = hooksFor<ReplicaSet>({
  default: (set) => ({ ...set, spec: inField(defaulted(set.spec, { replicas: 1 }), 'template', defaultPodTemplate) }),
  strategy: { hasGeneration: true },
  selectableFields: { 'status.replicas': (set) => String(set.status?.replicas ?? 0) },
});
