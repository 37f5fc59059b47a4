import type { Pod } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor, selectable, withSpec } from '../typed-hooks.ts';
import { defaultPodOnly, defaultPodSpec } from './pod-defaults.ts';

export const pods: KindHooks = hooksFor<Pod>({
  default: (pod) => withSpec(pod, defaultPodSpec(defaultPodOnly(pod.spec))),
  strategy: {},
  selectableFields: {
    'spec.nodeName': selectable((pod) => pod.spec.nodeName),
    'spec.restartPolicy': selectable((pod) => pod.spec.restartPolicy),
    'spec.schedulerName': selectable((pod) => pod.spec.schedulerName),
    'spec.serviceAccountName': selectable((pod) => pod.spec.serviceAccountName),
    'spec.hostNetwork': selectable((pod) => pod.spec.hostNetwork ?? false),
    'status.phase': selectable((pod) => pod.status?.phase),
    'status.podIP': selectable((pod) => pod.status?.podIP),
    'status.nominatedNodeName': selectable((pod) => pod.status?.nominatedNodeName),
  },
});
