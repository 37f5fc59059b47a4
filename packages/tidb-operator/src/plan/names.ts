import { controllerReference, getOwn, type OwnerReference } from '@coracle/apimachinery';
import { group, version } from '../api/crd.ts';
import type { TidbCluster } from '../api/types.ts';
import type { ComponentName } from './state.ts';

/** Labels, annotations and names of what the operator makes: upstream's (tidb-operator pkg/label, pkg/controller). */
export const annotations = {
  lastApplied: 'pingcap.com/last-applied-configuration',
  deferDeleting: 'tidb.pingcap.com/pvc-defer-deleting',
  ownerGeneration: 'tidb.pingcap.com/owner-generation',
  podName: 'tidb.pingcap.com/pod-name',
  scaleInTime: 'tidb.pingcap.com/scale-in-time',
} as const;

export const labelKeys = {
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  namespace: 'app.kubernetes.io/namespace',
  clusterId: 'tidb.pingcap.com/cluster-id',
  storeId: 'tidb.pingcap.com/store-id',
  memberId: 'tidb.pingcap.com/member-id',
} as const;

export function clusterName(tc: TidbCluster): string {
  return tc.metadata.name ?? '';
}

export function namespaceOf(tc: TidbCluster): string {
  return tc.metadata.namespace ?? 'default';
}

export function memberName(tc: TidbCluster, component: ComponentName | 'discovery'): string {
  return `${clusterName(tc)}-${component}`;
}

export function peerServiceName(tc: TidbCluster, component: ComponentName): string {
  return `${memberName(tc, component)}-peer`;
}

export function podName(tc: TidbCluster, component: ComponentName, ordinal: number): string {
  return `${memberName(tc, component)}-${ordinal}`;
}

/** Templates of the claims of a component: the data volume is named after it, storageVolumes after both. */
export function claimTemplateNames(tc: TidbCluster, component: ComponentName): readonly string[] {
  const data = component === 'tidb' ? [] : [component];
  return [...data, ...(tc.spec[component]?.storageVolumes ?? []).map((volume) => `${component}-${volume.name}`)];
}

/** The claims of one pod. */
export function claimNames(tc: TidbCluster, component: ComponentName, ordinal: number): readonly string[] {
  return claimTemplateNames(tc, component).map((template) => `${template}-${podName(tc, component, ordinal)}`);
}

export function instanceOf(tc: TidbCluster): string {
  return getOwn(tc.metadata.labels, labelKeys.instance) ?? clusterName(tc);
}

export function labelsOf(tc: TidbCluster, component: ComponentName | 'discovery'): Record<string, string> {
  return {
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/instance': instanceOf(tc),
    'app.kubernetes.io/managed-by': 'tidb-operator',
    'app.kubernetes.io/name': 'tidb-cluster',
  };
}

export function ownerOf(tc: TidbCluster): OwnerReference {
  return controllerReference(tc, { group, version, kind: 'TidbCluster' });
}

/** Where PD's API is reached from within the cluster. */
export function pdUrl(tc: TidbCluster): string {
  return `http://${memberName(tc, 'pd')}.${namespaceOf(tc)}:2379`;
}
