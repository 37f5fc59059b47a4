import type { ContainerPort, Pod, PodAffinityTerm } from '@coracle/api';
import { labelMatcher, type LabelMatcher, nothing, type WireMap } from '@coracle/apimachinery';
import { isSidecar, podRequests, type Resources, scoringRequests } from '../resource.ts';

/** A port of the node that a pod takes. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A term of pod (anti-)affinity, ready to be asked. */
export interface AffinityTerm {
  readonly topologyKey: string;
  /** `namespaceLabels` are those of the other pod's namespace. */
  matches(other: Pod, namespaceLabels: WireMap | undefined): boolean;
}

/** A pod and what the plugins want to know of it, worked out once (pkg/scheduler/framework PodInfo). */
export interface PodInfo {
  readonly key: string;
  readonly pod: Pod;
  readonly requests: Resources;
  readonly scoringRequests: Resources;
  readonly hostPorts: readonly HostPort[];
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
}

export function podKey({ metadata }: Pod): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

export function podInfoOf(pod: Pod): PodInfo {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const termsOf = (terms: readonly PodAffinityTerm[] = []): readonly AffinityTerm[] => terms.map((term) => affinityTermOf(term, pod));
  return {
    key: podKey(pod),
    pod,
    requests: podRequests(pod),
    scoringRequests: scoringRequests(pod),
    hostPorts: hostPortsOf(pod),
    requiredAffinity: termsOf(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: termsOf(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
  };
}

/** matchLabelKeys need no care: the API server writes them into the label selector. */
function affinityTermOf(term: PodAffinityTerm, owner: Pod): AffinityTerm {
  const { namespaces = [], namespaceSelector } = term;
  const ofPods: LabelMatcher = labelMatcher(term.labelSelector);
  const ofNamespaces = namespaceSelector === undefined ? nothing : labelMatcher(namespaceSelector);
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.metadata.namespace ?? ''] : namespaces;
  return {
    topologyKey: term.topologyKey,
    matches: ({ metadata }, namespaceLabels) =>
      (named.includes(metadata.namespace ?? '') || ofNamespaces.matches(namespaceLabels)) && ofPods.matches(metadata.labels),
  };
}

function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const running = [...(spec?.initContainers ?? []).filter(isSidecar), ...(spec?.containers ?? [])];
  return running.flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0).map(hostPortOf));
}

function hostPortOf({ hostIP = '', protocol = '', hostPort = 0 }: ContainerPort): HostPort {
  return { ip: hostIP === '' ? anyAddress : hostIP, protocol: protocol === '' ? 'TCP' : protocol, port: hostPort };
}

const anyAddress = '0.0.0.0';

/** Whether two pods with these ports cannot share a node. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress);
}
