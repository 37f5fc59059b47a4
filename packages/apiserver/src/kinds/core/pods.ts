import type { Pod } from '@coracle/api';
import { FieldError, formatTime, getOwn } from '@coracle/apimachinery';
import type { RequestContext } from '../../registry/definition.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { isIp } from '../rules/ip.ts';
import { hooksFor, selectable, withSpec } from '../typed-hooks.ts';
import { defaultPodOnly, defaultPodSpec } from './pod-defaults.ts';
import { qosClass } from './pod-qos.ts';
import { validatePodUpdate } from './pod-update.ts';
import { validatePodSpec } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';

export const pods: KindHooks = hooksFor<Pod>({
  default: (pod) => withSpec(pod, defaultPodOnly(defaultPodSpec(pod.spec))),
  strategy: {
    hasGeneration: true,
    prepareForCreate(pod, context) {
      // A negative grace period is as good as the shortest.
      const grace = (pod.spec.terminationGracePeriodSeconds ?? 0) < 0 ? { terminationGracePeriodSeconds: 1 } : {};
      return {
        ...pod,
        spec: { ...pod.spec, ...grace },
        status: { phase: 'Pending', ...gatedCondition(pod, context), qosClass: qosClass(pod) },
      };
    },
    validate(pod) {
      const faults = [...validateMirror(pod), ...validatePodSpec('spec', pod.spec)];
      if ((pod.spec.ephemeralContainers ?? []).length > 0)
        faults.push(FieldError.forbidden('spec.ephemeralContainers', 'cannot be set on create'));
      return faults;
    },
    validateUpdate: (pod, old) => [...validatePodSpec('spec', pod.spec), ...validatePodUpdate(pod, old)],
    warnings: (pod, old) => (old === undefined ? podWarnings('', pod) : []),
    gracePeriodSeconds(object, requested) {
      const { spec, status } = object as unknown as Pod; // the registry gives a pods' strategy pods
      // Nobody runs it, or it has ended: nothing to wait for.
      if ((spec.nodeName ?? '') === '' || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
      const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0;
      return seconds < 0 ? 1 : seconds;
    },
  },
  statusStrategy: {
    prepareForUpdate(pod, old) {
      const qos = pod.status?.qosClass ?? old.status?.qosClass;
      return { ...pod, status: withBothIps({ ...pod.status, ...(qos === undefined ? {} : { qosClass: qos }) }) };
    },
    validateUpdate: validateStatus,
  },
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

/** A pod that no scheduler may look at yet says so from the start. */
function gatedCondition({ spec }: Pod, { clock }: RequestContext): Pick<NonNullable<Pod['status']>, 'conditions'> {
  if ((spec.schedulingGates ?? []).length === 0) return {};
  const message = 'Scheduling is blocked due to non-empty scheduling gates';
  const lastTransitionTime = formatTime(clock.now());
  const never = null as unknown as string; // how the wire writes a time that is not set
  return {
    conditions: [{ type: 'PodScheduled', status: 'False', lastProbeTime: never, lastTransitionTime, reason: 'SchedulingGated', message }],
  };
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A pod that only shows what a kubelet runs by itself is on that kubelet's node. */
function validateMirror({ metadata, spec }: Pod): readonly FieldError[] {
  const mirrored = getOwn(metadata.annotations, mirrorAnnotation);
  if (mirrored === undefined || (spec.nodeName ?? '') !== '') return [];
  return [
    FieldError.invalid(`metadata.annotations[${mirrorAnnotation}]`, mirrored, 'must set spec.nodeName if mirror pod annotation is set'),
  ];
}

/** podIP is the older name of the first of podIPs. */
function withBothIps(status: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  const { podIP, podIPs } = status;
  if (podIP !== undefined && podIPs?.[0]?.ip !== podIP) return { ...status, podIPs: [{ ip: podIP }] };
  const first = podIPs?.[0]?.ip;
  return podIP === undefined && first !== undefined ? { ...status, podIP: first } : status;
}

function validateStatus({ status }: Pod, old: Pod): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { nominatedNodeName, podIPs = [], hostIPs = [] } = status ?? {};
  if (nominatedNodeName === '') faults.push(FieldError.required('status.nominatedNodeName'));
  faults.push(...notRestarted(status?.containerStatuses, old, 'status.containerStatuses'));
  faults.push(...podIPs.flatMap(({ ip }, i) => isIp(`status.podIPs[${i}]`, ip)));
  return [...faults, ...hostIPs.flatMap(({ ip }, i) => isIp(`status.hostIPs[${i}]`, ip))];
}

/** Once a container has ended for good it does not run again. */
function notRestarted(
  statuses: NonNullable<Pod['status']>['containerStatuses'],
  { spec, status }: Pod,
  field: string,
): readonly FieldError[] {
  if (spec.restartPolicy === 'Always') return [];
  return (status?.containerStatuses ?? []).flatMap(({ name, state }) => {
    const ended = state?.terminated;
    if (ended === undefined || (ended.exitCode !== 0 && spec.restartPolicy === 'OnFailure')) return [];
    const i = (statuses ?? []).findIndex((one) => one.name === name);
    if (i < 0 || statuses?.[i]?.state?.terminated !== undefined) return [];
    return [FieldError.forbidden(`${field}[${i}].state`, 'may not be transitioned to non-terminated state')];
  });
}
