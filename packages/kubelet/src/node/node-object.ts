import { kubeletLabels, type Lease, type Node, type NodeCondition, type NodeStatus } from '@coracle/api';
import { formatMicroTime, formatTime, type Frozen, getOwn } from '@coracle/apimachinery';

export interface NodeDescription {
  readonly name: string;
  readonly ip: string;
  readonly podCIDR: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: NonNullable<Node['spec']['taints']>;
  readonly capacity: Readonly<Record<string, string>>;
  readonly version: string;
}

/** Of a node that says nothing else. */
export const defaultCapacity: Readonly<Record<string, string>> = { cpu: '8', 'ephemeral-storage': '100Gi', memory: '32Gi', pods: '110' };
export const kubeletPort = 10250;

/** The Node that a kubelet registers (kubelet_node_status.go initialNode). */
export function newNode(node: NodeDescription, nowMs: number): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: labelsOf(node),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: { podCIDR: node.podCIDR, podCIDRs: [node.podCIDR], ...(node.taints.length === 0 ? {} : { taints: node.taints }) },
    status: nodeStatus(node, undefined, nowMs),
  };
}

function labelsOf({ name, labels }: NodeDescription): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/hostname': name,
    ...labels,
  };
}

/** What the labels of an existing node lack or have wrong; the kubelet sets right those that are its own, and no others (updateDefaultLabels). */
export function missingLabels(node: NodeDescription, existing: Frozen<Node>): Readonly<Record<string, string>> {
  const wanted = Object.entries(labelsOf(node)).filter(([key]) => kubeletLabels.has(key));
  return Object.fromEntries(wanted.filter(([key, value]) => getOwn(existing.metadata.labels, key) !== value));
}

/** What the kubelet reports of a node; conditions of others stay. */
export function nodeStatus(node: NodeDescription, old: Frozen<NodeStatus> | undefined, nowMs: number): NodeStatus {
  const id = node.name.replaceAll(/[^a-z0-9]/g, '').padEnd(8, '0');
  return {
    ...old,
    addresses: [
      { type: 'InternalIP', address: node.ip },
      { type: 'Hostname', address: node.name },
    ],
    capacity: node.capacity,
    allocatable: node.capacity,
    conditions: conditions(old?.conditions ?? [], nowMs),
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    nodeInfo: {
      machineID: id,
      systemUUID: id,
      bootID: id,
      kernelVersion: '6.12.0-coracle',
      osImage: 'Coracle simulated node',
      containerRuntimeVersion: 'containerd://2.1.0',
      kubeletVersion: node.version,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
  };
}

const own: readonly (readonly [type: string, status: string, reason: string, message: string])[] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

function conditions(old: readonly Frozen<NodeCondition>[], nowMs: number): readonly NodeCondition[] {
  const now = formatTime(nowMs);
  const reported = own.map(([type, status, reason, message]): NodeCondition => {
    const before = old.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  });
  return [...old.filter(({ type }) => !own.some(([ours]) => ours === type)), ...reported];
}

/** Without what every report changes: two reports that are equal here say the same. */
export function withoutHeartbeat(status: Frozen<NodeStatus>): unknown {
  return { ...status, conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition) };
}

export const leaseNamespace = 'kube-node-lease';
const leaseDurationSeconds = 40;
/** A quarter of the lease's duration (kubelet.go). */
export const leaseRenewMs = 10_000;

export function newLease(node: Frozen<Node>, nowMs: number): Lease {
  const { name = '', uid = '' } = node.metadata;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: leaseNamespace, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
    spec: { holderIdentity: name, leaseDurationSeconds, renewTime: formatMicroTime(nowMs) },
  };
}

export function renewed(lease: Frozen<Lease>, name: string, nowMs: number): Lease {
  return { ...lease, spec: { ...lease.spec, holderIdentity: name, leaseDurationSeconds, renewTime: formatMicroTime(nowMs) } };
}
