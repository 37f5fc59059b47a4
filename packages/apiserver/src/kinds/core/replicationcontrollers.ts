import type { ReplicationController } from '@coracle/api';
import { defaulted, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultPodTemplate } from './pod-defaults.ts';

export const replicationcontrollers: KindHooks = hooksFor<ReplicationController>({
  default(controller) {
    const labels = controller.spec?.template?.metadata?.labels;
    const fromTemplate = labels === undefined ? {} : { selector: labels };
    const spec = defaulted(controller.spec ?? {}, { replicas: 1, ...fromTemplate });
    const metadata = labels === undefined ? controller.metadata : defaulted(controller.metadata, { labels });
    return { ...controller, metadata, spec: inField(spec, 'template', defaultPodTemplate) };
  },
  strategy: { hasGeneration: true },
  selectableFields: { 'status.replicas': (controller) => String(controller.status?.replicas ?? 0) },
});
