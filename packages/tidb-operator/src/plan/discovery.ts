import type { Deployment, PodSpec, Role, RoleBinding, Service, ServiceAccount } from '@coracle/api';
import { getOwn, semanticEqual, writeJson } from '@coracle/apimachinery';
import { imageOf } from '../api/defaulting.ts';
import type { DiscoverySpec, Preserved, TidbCluster } from '../api/types.ts';
import { annotations, clusterName, labelsOf, memberName, namespaceOf, ownerOf } from './names.ts';
import type { Action, ClusterState, StepResult } from './state.ts';

/** The discovery service, which tells each PD how to start (upstream: pkg/manager/member/tidb_discovery_manager.go). */
export function syncDiscovery(state: ClusterState, image: string): StepResult {
  const { tc, objects } = state;
  const name = memberName(tc, 'discovery');
  const actions: Action[] = [];
  if (!objects.roles.has(name)) actions.push({ verb: 'create', object: discoveryRole(tc) });
  if (!objects.serviceAccounts.has(name)) actions.push({ verb: 'create', object: discoveryServiceAccount(tc) });
  if (!objects.roleBindings.has(name)) actions.push({ verb: 'create', object: discoveryRoleBinding(tc) });
  if (!objects.services.has(name)) actions.push({ verb: 'create', object: discoveryService(tc) });
  const deployment = discoveryDeployment(tc, image);
  const current = objects.deployments.get(name);
  if (current === undefined) actions.push({ verb: 'create', object: deployment });
  else {
    const applied: string | undefined = getOwn(current.metadata?.annotations, annotations.lastApplied);
    const wanted: string | undefined = getOwn(deployment.metadata?.annotations, annotations.lastApplied);
    if (applied !== wanted && !semanticEqual(readOwnText(applied), readOwnText(wanted))) {
      actions.push({
        verb: 'patch',
        target: 'deployments',
        name,
        patch: { metadata: { annotations: deployment.metadata?.annotations }, spec: { template: deployment.spec?.template } },
      });
    }
  }
  return { actions };
}

/** What an annotation of ours says; undefined when somebody broke it, so that it is written again. */
export function readOwnText(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not our text any more: the same as absent
  }
}

function meta(tc: TidbCluster): {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  ownerReferences: ReturnType<typeof ownerOf>[];
} {
  return {
    name: memberName(tc, 'discovery'),
    namespace: namespaceOf(tc),
    labels: labelsOf(tc, 'discovery'),
    ownerReferences: [ownerOf(tc)],
  };
}

function discoveryRole(tc: TidbCluster): Role {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: meta(tc),
    rules: [
      { apiGroups: ['pingcap.com'], resourceNames: [clusterName(tc)], resources: ['tidbclusters'], verbs: ['get'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] },
    ],
  };
}

function discoveryServiceAccount(tc: TidbCluster): ServiceAccount {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(tc) };
}

function discoveryRoleBinding(tc: TidbCluster): RoleBinding {
  const name = memberName(tc, 'discovery');
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: meta(tc),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: namespaceOf(tc) }],
  };
}

function discoveryService(tc: TidbCluster): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(tc),
    spec: {
      type: 'ClusterIP',
      ports: [
        { name: 'discovery', port: 10261, targetPort: 10261, protocol: 'TCP' },
        { name: 'proxy', port: 10262, targetPort: 10262, protocol: 'TCP' },
      ],
      selector: labelsOf(tc, 'discovery'),
    },
  };
}

function discoveryDeployment(tc: TidbCluster, image: string): Deployment {
  const spec: DiscoverySpec = tc.spec.discovery ?? {};
  const template = {
    metadata: { labels: { ...tc.spec.labels, ...spec.labels, ...labelsOf(tc, 'discovery') } },
    spec: podSpec(tc, spec, image) as unknown as PodSpec, // parts of the TidbCluster are passed on as they are
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...meta(tc), annotations: { [annotations.lastApplied]: writeJson(template) } },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labelsOf(tc, 'discovery') },
      template,
    },
  };
}

function podSpec(tc: TidbCluster, spec: DiscoverySpec, image: string): Preserved {
  return {
    containers: [
      {
        command: ['/usr/local/bin/tidb-discovery'],
        env: [
          { name: 'MY_POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
          { name: 'TZ', value: tc.spec.timezone ?? 'UTC' },
          { name: 'TC_NAME', value: clusterName(tc) },
          // The real discovery reads the TidbCluster; the simulated one has no API client and is told here.
          { name: 'PD_REPLICAS', value: String(tc.spec.pd?.replicas ?? 0) },
        ],
        image: imageOf({}, spec) === '' ? image : imageOf({}, spec),
        imagePullPolicy: spec.imagePullPolicy ?? tc.spec.imagePullPolicy ?? 'IfNotPresent',
        name: 'discovery',
        ports: [
          { containerPort: 10261, name: 'discovery', protocol: 'TCP' },
          { containerPort: 10262, name: 'proxy', protocol: 'TCP' },
        ],
        resources: {},
      },
    ],
    serviceAccountName: memberName(tc, 'discovery'),
    ...(tc.spec.tolerations && { tolerations: tc.spec.tolerations }),
    ...(tc.spec.nodeSelector && { nodeSelector: tc.spec.nodeSelector }),
  };
}
