import { createHash } from 'node:crypto';
import type { ConfigMap, Service, StatefulSet, StatefulSetSpec } from '@coracle/api';
import { writeJson } from '@coracle/apimachinery';
import { imageOf } from '../api/defaulting.ts';
import type { ComponentSpec, PDSpec, Preserved, ServiceSpec, TidbCluster, TiDBSpec, TiKVSpec } from '../api/types.ts';
import { withAdditionalContainers } from './additional-containers.ts';
import { configMapSuffix } from './config-map.ts';
import { annotations, clusterName, labelsOf, memberName, namespaceOf, ownerOf, peerServiceName } from './names.ts';
import { startScript } from './start-scripts.ts';
import type { ComponentName } from './state.ts';
import { toToml } from './toml.ts';

/** The three components differ in these facts only (study of upstream's pkg/manager/member/*_member_manager.go). */
interface ComponentFacts {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly statusPort: number;
  readonly peerPorts: readonly ServicePort[];
  readonly hasData: boolean;
  env(tc: TidbCluster): readonly Preserved[];
}

interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'TCP';
  readonly nodePort?: number;
}

const facts: Readonly<Record<ComponentName, ComponentFacts>> = {
  pd: {
    ports: [port('server', 2380), port('client', 2379)],
    statusPort: 2379,
    peerPorts: [servicePort('tcp-peer-2380', 2380), servicePort('tcp-peer-2379', 2379)],
    hasData: true,
    env: (tc) => [
      fieldEnv('NAMESPACE', 'metadata.namespace'),
      { name: 'PEER_SERVICE_NAME', value: peerServiceName(tc, 'pd') },
      { name: 'SERVICE_NAME', value: memberName(tc, 'pd') },
      { name: 'SET_NAME', value: memberName(tc, 'pd') },
      { name: 'TZ', value: tc.spec.timezone ?? 'UTC' },
    ],
  },
  tikv: {
    ports: [port('server', 20160)],
    statusPort: 20180,
    peerPorts: [servicePort('peer', 20160)],
    hasData: true,
    env: (tc) => [
      fieldEnv('NAMESPACE', 'metadata.namespace'),
      { name: 'CLUSTER_NAME', value: clusterName(tc) },
      { name: 'HEADLESS_SERVICE_NAME', value: peerServiceName(tc, 'tikv') },
      { name: 'CAPACITY', value: capacityOf(tc.spec.tikv) },
      { name: 'TZ', value: tc.spec.timezone ?? 'UTC' },
      ...(tc.spec.tikv?.storeLabels ? [{ name: 'STORE_LABELS', value: tc.spec.tikv.storeLabels.join(',') }] : []),
    ],
  },
  tidb: {
    ports: [port('server', 4000), port('status', 10080)],
    statusPort: 10080,
    peerPorts: [servicePort('status', 10080)],
    hasData: false,
    env: (tc) => [
      { name: 'CLUSTER_NAME', value: clusterName(tc) },
      { name: 'TZ', value: tc.spec.timezone ?? 'UTC' },
      { name: 'BINLOG_ENABLED', value: String(tc.spec.tidb?.binlogEnabled ?? false) },
      { name: 'SLOW_LOG_FILE', value: tc.spec.tidb?.separateSlowLog === false ? '' : '/var/log/tidb/slowlog' },
      fieldEnv('POD_NAME', 'metadata.name'),
      fieldEnv('NAMESPACE', 'metadata.namespace'),
      { name: 'HEADLESS_SERVICE_NAME', value: peerServiceName(tc, 'tidb') },
    ],
  },
};

type AnyComponent = PDSpec | TiKVSpec | TiDBSpec;

export function componentSpec(tc: TidbCluster, component: ComponentName): AnyComponent | undefined {
  return tc.spec[component];
}

/** The Service that others in front of the component use; TiDB has one only when it is asked for. */
export function clientService(tc: TidbCluster, component: ComponentName): Service | undefined {
  if (component === 'tikv') return undefined;
  const spec: ServiceSpec | undefined = tc.spec[component]?.service;
  if (component === 'tidb' && spec === undefined) return undefined;
  const ports = component === 'pd' ? [servicePort(spec?.portName ?? 'client', spec?.port ?? 2379, 2379)] : tidbPorts(tc);
  const traffic = component === 'tidb' ? tc.spec.tidb?.service?.externalTrafficPolicy : undefined;
  return service(
    tc,
    memberName(tc, component),
    component,
    'end-user',
    {
      ...(spec?.clusterIP && { clusterIP: spec.clusterIP }),
      ...(traffic && { externalTrafficPolicy: traffic }),
      ...(spec?.loadBalancerClass && { loadBalancerClass: spec.loadBalancerClass }),
      ...(spec?.loadBalancerIP && { loadBalancerIP: spec.loadBalancerIP }),
      ...(spec?.loadBalancerSourceRanges && { loadBalancerSourceRanges: spec.loadBalancerSourceRanges }),
      ports,
      selector: labelsOf(tc, component),
      type: spec?.type ?? 'ClusterIP',
    },
    spec,
  );
}

function tidbPorts(tc: TidbCluster): readonly ServicePort[] {
  const spec = tc.spec.tidb?.service;
  return [
    {
      ...servicePort(spec?.portName ?? 'mysql-client', spec?.port ?? 4000, 4000),
      ...(spec?.mysqlNodePort && { nodePort: spec.mysqlNodePort }),
    },
    ...(spec?.exposeStatus === false
      ? []
      : [{ ...servicePort('status', 10080), ...(spec?.statusNodePort && { nodePort: spec.statusNodePort }) }]),
  ];
}

/** The headless Service that gives each pod its name. */
export function peerService(tc: TidbCluster, component: ComponentName): Service {
  return service(tc, peerServiceName(tc, component), component, 'peer', {
    clusterIP: 'None',
    ports: facts[component].peerPorts,
    publishNotReadyAddresses: true,
    selector: labelsOf(tc, component),
  });
}

function service(tc: TidbCluster, name: string, component: ComponentName, usedBy: string, spec: Preserved, extra?: ServiceSpec): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: namespaceOf(tc),
      labels: { ...extra?.labels, ...labelsOf(tc, component), 'app.kubernetes.io/used-by': usedBy },
      annotations: { ...extra?.annotations, [annotations.lastApplied]: writeJson(spec) },
      ownerReferences: [ownerOf(tc)],
    },
    spec,
  };
}

/**
 * The ConfigMap of a component. With RollingUpdate its name carries a digest of the data, so that a change is a new object.
 *
 * Without `config` upstream makes none while the pods still mount one of the fixed name, and they never start; here that
 * one exists and is empty.
 */
export function configMap(tc: TidbCluster, component: ComponentName): ConfigMap {
  const given = componentSpec(tc, component)?.config;
  const config = given ?? '';
  const data = {
    'config-file': typeof config === 'string' ? config : toToml(withDefaultsOf(component, config)),
    'startup-script': startScript(tc, component),
  };
  const strategy = componentSpec(tc, component)?.configUpdateStrategy ?? tc.spec.configUpdateStrategy;
  const name = memberName(tc, component);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: strategy === 'RollingUpdate' && given !== undefined ? `${name}-${configMapSuffix(data)}` : name,
      namespace: namespaceOf(tc),
      labels: labelsOf(tc, component),
      ownerReferences: [ownerOf(tc)],
    },
    data,
  };
}

function withDefaultsOf(component: ComponentName, config: Preserved): Preserved {
  if (component !== 'tidb') return config;
  const log = asObject(config['log']);
  return { ...config, log: { ...log, file: { 'max-backups': 3, ...asObject(log['file']) } } };
}

/** The StatefulSet of a component with `replicas` pods. Its partition keeps every pod where it is until an upgrade lowers it. */
export function statefulSet(tc: TidbCluster, component: ComponentName, replicas: number): StatefulSet {
  const spec = setSpec(tc, component, replicas);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: memberName(tc, component),
      namespace: namespaceOf(tc),
      labels: labelsOf(tc, component),
      annotations: {
        [annotations.lastApplied]: writeJson(spec),
        [annotations.ownerGeneration]: String(tc.metadata.generation ?? 0),
      },
      ownerReferences: [ownerOf(tc)],
    },
    spec: spec as unknown as StatefulSetSpec, // parts of the TidbCluster are passed on as they are
  };
}

function setSpec(tc: TidbCluster, component: ComponentName, replicas: number): Preserved {
  const spec: AnyComponent & ComponentSpec = componentSpec(tc, component) ?? { replicas };
  const strategy = spec.statefulSetUpdateStrategy ?? tc.spec.statefulSetUpdateStrategy;
  const policy = spec.podManagementPolicy ?? tc.spec.podManagementPolicy;
  return {
    podManagementPolicy: policy === 'OrderedReady' ? policy : 'Parallel',
    replicas,
    selector: { matchLabels: labelsOf(tc, component) },
    serviceName: peerServiceName(tc, component),
    template: {
      metadata: {
        annotations: {
          'prometheus.io/path': '/metrics',
          'prometheus.io/port': String(facts[component].statusPort),
          'prometheus.io/scrape': 'true',
          ...tc.spec.annotations,
          ...spec.annotations,
        },
        labels: { ...tc.spec.labels, ...spec.labels, ...labelsOf(tc, component) },
      },
      spec: podSpec(tc, component, spec),
    },
    updateStrategy: strategy === 'OnDelete' ? { type: 'OnDelete' } : { rollingUpdate: { partition: replicas }, type: 'RollingUpdate' },
    ...claimTemplates(tc, component, spec),
  };
}

function claimTemplates(tc: TidbCluster, component: ComponentName, spec: AnyComponent): Preserved {
  const template = (name: string, storage: string | number, settings: VolumeSettings): Preserved => ({
    metadata: { labels: labelsOf(tc, component), name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: String(storage) } },
      ...(settings.storageClassName !== undefined && { storageClassName: settings.storageClassName }),
      ...(settings.volumeAttributesClassName !== undefined && { volumeAttributesClassName: settings.volumeAttributesClassName }),
    },
  });
  const templates = [
    ...(facts[component].hasData ? [template(component, spec.requests?.['storage'] ?? '', spec)] : []),
    ...(spec.storageVolumes ?? []).map((volume) =>
      template(`${component}-${volume.name}`, volume.storageSize, { ...classesOf(spec), ...volume }),
    ),
  ];
  return templates.length === 0 ? {} : { volumeClaimTemplates: templates };
}

interface VolumeSettings {
  readonly storageClassName?: string;
  readonly volumeAttributesClassName?: string;
}

function classesOf({ storageClassName, volumeAttributesClassName }: VolumeSettings): VolumeSettings {
  return {
    ...(storageClassName !== undefined && { storageClassName }),
    ...(volumeAttributesClassName !== undefined && { volumeAttributesClassName }),
  };
}

function podSpec(tc: TidbCluster, component: ComponentName, spec: AnyComponent): Preserved {
  const cluster = tc.spec;
  const pick = <
    K extends
      | 'affinity'
      | 'dnsConfig'
      | 'dnsPolicy'
      | 'hostNetwork'
      | 'imagePullSecrets'
      | 'nodeSelector'
      | 'priorityClassName'
      | 'schedulerName'
      | 'tolerations'
      | 'topologySpreadConstraints',
  >(
    key: K,
  ): Preserved => {
    const value = spec[key] ?? cluster[key];
    return value === undefined ? {} : { [key]: value };
  };
  const securityContext = spec.podSecurityContext ?? cluster.podSecurityContext;
  const slowLog = component === 'tidb' && cluster.tidb?.separateSlowLog !== false;
  const hostNetwork = (spec.hostNetwork ?? cluster.hostNetwork) === true;
  return {
    ...pick('affinity'),
    containers: withAdditionalContainers(
      [...(slowLog ? [slowLogContainer(tc)] : []), mainContainer(tc, component, spec)],
      spec.additionalContainers ?? [],
    ),
    ...pick('dnsConfig'),
    ...(hostNetwork && { dnsPolicy: 'ClusterFirstWithHostNet' }),
    ...pick('dnsPolicy'),
    ...pick('hostNetwork'),
    ...pick('imagePullSecrets'),
    ...(spec.initContainers && { initContainers: spec.initContainers }),
    ...pick('nodeSelector'),
    ...pick('priorityClassName'),
    ...pick('schedulerName'),
    ...(securityContext && { securityContext }),
    ...serviceAccountOf(tc, spec),
    ...(spec.terminationGracePeriodSeconds !== undefined && { terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds }),
    ...pick('tolerations'),
    ...spreadConstraints(tc, component, spec),
    volumes: [
      { downwardAPI: { items: [{ fieldRef: { fieldPath: 'metadata.annotations' }, path: 'annotations' }] }, name: 'annotations' },
      configVolume(tc, component, 'config', 'config-file', `${component}.toml`),
      configVolume(tc, component, 'startup-script', 'startup-script', `${component}_start_script.sh`),
      ...(slowLog ? [{ emptyDir: {}, name: 'slowlog' }] : []),
      ...(spec.additionalVolumes ?? []),
    ],
  };
}

/** A spread constraint counts the component's own pods: the user gives the key, the selector follows. */
function spreadConstraints(tc: TidbCluster, component: ComponentName, spec: AnyComponent): Preserved {
  const constraints = spec.topologySpreadConstraints ?? tc.spec.topologySpreadConstraints;
  if (constraints === undefined) return {};
  return {
    topologySpreadConstraints: constraints.map(({ matchLabels, ...rest }) => ({
      maxSkew: 1,
      ...rest,
      labelSelector: { matchLabels: { ...asObject(matchLabels), ...labelsOf(tc, component) } },
      whenUnsatisfiable: 'DoNotSchedule',
    })),
  };
}

function serviceAccountOf(tc: TidbCluster, spec: AnyComponent): Preserved {
  const name = spec.serviceAccount ?? tc.spec.serviceAccount;
  return name === undefined ? {} : { serviceAccountName: name };
}

function mainContainer(tc: TidbCluster, component: ComponentName, spec: AnyComponent): Preserved {
  const extraEnv = (spec.env ?? []).filter((entry) => typeof entry['name'] === 'string');
  const names = new Set(facts[component].env(tc).map((entry) => entry['name']));
  return {
    command: ['/bin/sh', `/usr/local/bin/${component}_start_script.sh`],
    env: [...facts[component].env(tc), ...extraEnv.filter((entry) => !names.has(entry['name']))],
    ...(spec.envFrom && { envFrom: spec.envFrom }),
    image: imageOf(tc.spec, spec),
    imagePullPolicy: spec.imagePullPolicy ?? tc.spec.imagePullPolicy ?? 'IfNotPresent',
    name: component,
    ports: portsOf(tc, component),
    ...readinessProbe(component, spec),
    resources: containerResources(spec),
    ...(component === 'tidb' && tc.spec.tidb?.lifecycle && { lifecycle: tc.spec.tidb.lifecycle }),
    ...securityContextOf(tc, component, spec),
    volumeMounts: [
      { mountPath: '/etc/podinfo', name: 'annotations', readOnly: true },
      { mountPath: `/etc/${component}`, name: 'config', readOnly: true },
      { mountPath: '/usr/local/bin', name: 'startup-script', readOnly: true },
      ...(facts[component].hasData ? [{ mountPath: `/var/lib/${component}`, name: component }] : []),
      ...(component === 'tidb' && tc.spec.tidb?.separateSlowLog !== false ? [{ mountPath: '/var/log/tidb', name: 'slowlog' }] : []),
      ...(spec.storageVolumes ?? []).flatMap(({ name, mountPath }) => (mountPath ? [{ mountPath, name: `${component}-${name}` }] : [])),
      ...(spec.additionalVolumeMounts ?? []),
    ],
  };
}

function securityContextOf(tc: TidbCluster, component: ComponentName, spec: AnyComponent): Preserved {
  const privileged = component === 'tikv' && tc.spec.tikv?.privileged === true ? { privileged: true } : undefined;
  return privileged === undefined && spec.securityContext === undefined
    ? {}
    : { securityContext: { ...privileged, ...spec.securityContext } };
}

function portsOf(tc: TidbCluster, component: ComponentName): readonly Preserved[] {
  const named = component === 'tikv' && tc.spec.tikv?.enableNamedStatusPort === true ? [port('status', 20180)] : [];
  return [...facts[component].ports, ...named].map((one) => ({ ...one, protocol: 'TCP' }));
}

/** TiDB is ready when its MySQL port answers (or /status with type command); PD and TiKV have a probe only when asked for. */
function readinessProbe(component: ComponentName, spec: AnyComponent): Preserved {
  const asked = spec.readinessProbe;
  if (component !== 'tidb' && asked === undefined) return {};
  const tcpPort = { pd: 2379, tikv: 20160, tidb: 4000 }[component];
  const command = { pd: 'http://127.0.0.1:2379/status', tikv: 'http://127.0.0.1:20180/status', tidb: 'http://127.0.0.1:10080/status' }[
    component
  ];
  return {
    readinessProbe: {
      ...(asked?.type === 'command' ? { exec: { command: ['curl', command, '--fail', '--location'] } } : { tcpSocket: { port: tcpPort } }),
      initialDelaySeconds: asked?.initialDelaySeconds ?? 10,
      ...(asked?.periodSeconds !== undefined && { periodSeconds: asked.periodSeconds }),
    },
  };
}

function slowLogContainer(tc: TidbCluster): Preserved {
  const tailer = tc.spec.tidb?.slowLogTailer;
  return {
    command: ['sh', '-c', 'touch /var/log/tidb/slowlog; tail -n0 -F /var/log/tidb/slowlog;'],
    image: tailer?.image ?? tc.spec.helper?.image ?? 'alpine:3.16.0',
    imagePullPolicy: tailer?.imagePullPolicy ?? tc.spec.helper?.imagePullPolicy ?? tc.spec.imagePullPolicy ?? 'IfNotPresent',
    name: 'slowlog',
    resources: tailer === undefined ? {} : containerResources(tailer),
    volumeMounts: [{ mountPath: '/var/log/tidb', name: 'slowlog' }],
  };
}

function configVolume(tc: TidbCluster, component: ComponentName, name: string, key: string, path: string): Preserved {
  return { configMap: { items: [{ key, path }], name: configMap(tc, component).metadata?.name }, name };
}

/** `storage` sizes the claim and is no resource of the container. */
function containerResources(spec: Pick<ComponentSpec, 'limits' | 'requests'>): Preserved {
  const without = (map: Readonly<Record<string, string | number>> | undefined): Preserved | undefined => {
    const rest = Object.entries(map ?? {}).filter(([key]) => key !== 'storage');
    return rest.length === 0 ? undefined : Object.fromEntries(rest.map(([key, value]) => [key, String(value)]));
  };
  const limits = without(spec.limits);
  const requests = without(spec.requests);
  return { ...(limits && { limits }), ...(requests && { requests }) };
}

/** TiKV writes sizes its own way (100GB for 100Gi: a power of two); 0 is no limit. */
function capacityOf(spec: TiKVSpec | undefined): string {
  const limit = spec?.limits?.['storage'];
  return limit === undefined ? '0' : String(limit).replace(/i$/, 'B');
}

/** A short name of a template, to tell two apart in messages. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(writeJson(value)).digest('hex').slice(0, 8);
}

function asObject(value: unknown): Preserved {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
}

function port(name: string, containerPort: number): { readonly name: string; readonly containerPort: number } {
  return { name, containerPort };
}

function servicePort(name: string, at: number, targetPort: number = at): ServicePort {
  return { name, port: at, targetPort, protocol: 'TCP' };
}

function fieldEnv(name: string, fieldPath: string): Preserved {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
