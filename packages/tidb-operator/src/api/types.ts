import type { ObjectMeta } from '@coracle/apimachinery';

// The one source of the CRD: tools/generate-manifests.ts reads the interfaces of this file (a small subset of TypeScript) and
// writes manifests/crd.yaml and src/api/crd.generated.ts. `?` is optional, a doc comment is the description, and the
// scalar names below become formats. `Preserved` is a structure that is passed on or accepted without being looked into.

export type Int32 = number;
export type Int64 = number;
export type DateTime = string;
/** A quantity or a whole number, as it was written. */
export type Quantity = string | number;
/** Any object: its fields are kept, not checked. */
export type Preserved = Readonly<Record<string, unknown>>;
/** TOML text, or the same as an object. */
export type ComponentConfig = string | Preserved;

/** A TiDB cluster: PD, TiKV and TiDB, brought up in this order (pingcap.com/v1alpha1). */
export interface TidbCluster {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: TidbClusterSpec;
  readonly status?: TidbClusterStatus;
}

/** Scheduling and pod settings that the cluster and each component share; the component's value wins. */
export interface PodSettings {
  readonly affinity?: Preserved;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly configUpdateStrategy?: string;
  readonly dnsConfig?: Preserved;
  readonly dnsPolicy?: string;
  readonly hostNetwork?: boolean;
  readonly imagePullPolicy?: string;
  readonly imagePullSecrets?: readonly Preserved[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly podManagementPolicy?: string;
  readonly podSecurityContext?: Preserved;
  readonly priorityClassName?: string;
  readonly schedulerName?: string;
  readonly statefulSetUpdateStrategy?: string;
  readonly suspendAction?: Preserved;
  readonly tolerations?: readonly Preserved[];
  readonly topologySpreadConstraints?: readonly Preserved[];
  readonly version?: string;
}

export interface ResourceSettings {
  readonly claims?: readonly Preserved[];
  readonly limits?: Readonly<Record<string, Quantity>>;
  /** `storage` sizes the volume claim; the rest is requested for the container. */
  readonly requests?: Readonly<Record<string, Quantity>>;
}

export interface ComponentSpec extends PodSettings, ResourceSettings {
  readonly additionalContainers?: readonly Preserved[];
  readonly additionalVolumeMounts?: readonly Preserved[];
  readonly additionalVolumes?: readonly Preserved[];
  readonly automountServiceAccountToken?: boolean;
  readonly env?: readonly Preserved[];
  readonly envFrom?: readonly Preserved[];
  /** Deprecated: use baseImage and version. */
  readonly image?: string;
  readonly initContainers?: readonly Preserved[];
  readonly readinessProbe?: ProbeSettings;
  readonly securityContext?: Preserved;
  readonly terminationGracePeriodSeconds?: Int64;
}

export interface ProbeSettings {
  readonly initialDelaySeconds?: Int32;
  readonly periodSeconds?: Int32;
  readonly type?: 'tcp' | 'command';
}

export interface DiscoverySpec extends ComponentSpec {
  readonly livenessProbe?: ProbeSettings;
}

export interface TidbClusterSpec extends PodSettings {
  readonly acrossK8s?: boolean;
  readonly cluster?: TidbClusterReference;
  readonly clusterDomain?: string;
  readonly discovery?: DiscoverySpec;
  readonly enableDynamicConfiguration?: boolean;
  readonly enablePVCReplace?: boolean;
  readonly enablePVReclaim?: boolean;
  readonly helper?: HelperSpec;
  /** While true, status is kept but nothing is changed. */
  readonly paused?: boolean;
  readonly pd?: PDSpec;
  readonly pdAddresses?: readonly string[];
  readonly pdms?: readonly Preserved[];
  readonly preferIPv6?: boolean;
  readonly pump?: Preserved;
  /** What becomes of a persistent volume when its claim goes: Retain, Delete or Recycle. */
  readonly pvReclaimPolicy?: string;
  readonly recoveryMode?: boolean;
  readonly serviceAccount?: string;
  readonly services?: readonly Preserved[];
  readonly startScriptV2FeatureFlags?: readonly string[];
  readonly startScriptVersion?: '' | 'v1' | 'v2';
  readonly ticdc?: Preserved;
  readonly tidb?: TiDBSpec;
  readonly tiflash?: Preserved;
  readonly tikv?: TiKVSpec;
  readonly timezone?: string;
  readonly tiproxy?: Preserved;
  readonly tlsCluster?: Preserved;
}

export interface TidbClusterReference {
  readonly clusterDomain?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface HelperSpec {
  readonly image?: string;
  readonly imagePullPolicy?: string;
}

export interface StorageVolume {
  readonly mountPath?: string;
  readonly name: string;
  readonly storageClassName?: string;
  readonly storageSize: string;
  readonly volumeAttributesClassName?: string;
}

export interface ServiceSpec {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly clusterIP?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly loadBalancerSourceRanges?: readonly string[];
  /** @minimum 1 */
  readonly port?: Int32;
  readonly portName?: string;
  readonly type?: string;
}

export interface TiDBServiceSpec extends ServiceSpec {
  readonly additionalPorts?: readonly Preserved[];
  readonly exposeStatus?: boolean;
  readonly externalTrafficPolicy?: string;
  readonly mysqlNodePort?: Int32;
  readonly statusNodePort?: Int32;
}

export interface ScalePolicy {
  readonly scaleInParallelism?: Int32;
  readonly scaleOutParallelism?: Int32;
}

export interface PDSpec extends ComponentSpec {
  /** @default pingcap/pd */
  readonly baseImage?: string;
  readonly config?: ComponentConfig;
  readonly dataSubDir?: string;
  readonly enableDashboardInternalProxy?: boolean;
  /** @default 0 */
  readonly initWaitTime?: Int32;
  /** @minimum 0 */
  readonly maxFailoverCount?: Int32;
  readonly mode?: '' | 'ms';
  readonly mountClusterClientSecret?: boolean;
  /** @minimum 0 */
  readonly replicas: Int32;
  readonly service?: ServiceSpec;
  readonly serviceAccount?: string;
  /** @minimum 0 */
  readonly spareVolReplaceReplicas?: Int32;
  /** @default 30 */
  readonly startTimeout?: Int32;
  readonly startUpScriptVersion?: '' | 'v1';
  readonly storageClassName?: string;
  readonly storageVolumes?: readonly StorageVolume[];
  readonly tlsClientSecretName?: string;
  readonly volumeAttributesClassName?: string;
}

export interface TiKVSpec extends ComponentSpec {
  /** @default pingcap/tikv */
  readonly baseImage?: string;
  readonly config?: ComponentConfig;
  readonly dataSubDir?: string;
  readonly enableNamedStatusPort?: boolean;
  readonly evictLeaderTimeout?: string;
  readonly failover?: Preserved;
  readonly logTailer?: Preserved;
  /** @minimum 0 */
  readonly maxFailoverCount?: Int32;
  readonly mountClusterClientSecret?: boolean;
  readonly privileged?: boolean;
  readonly raftLogVolumeName?: string;
  readonly recoverFailover?: boolean;
  /** @minimum 0 */
  readonly replicas: Int32;
  readonly rocksDBLogVolumeName?: string;
  readonly scalePolicy?: ScalePolicy;
  readonly separateRaftLog?: boolean;
  readonly separateRocksDBLog?: boolean;
  readonly serviceAccount?: string;
  /** @minimum 0 */
  readonly spareVolReplaceReplicas?: Int32;
  readonly storageClassName?: string;
  readonly storageVolumes?: readonly StorageVolume[];
  readonly storeLabels?: readonly string[];
  readonly volumeAttributesClassName?: string;
  readonly waitLeaderTransferBackTimeout?: string;
}

export interface TiDBSpec extends ComponentSpec {
  readonly arguments?: readonly string[];
  /** @default pingcap/tidb */
  readonly baseImage?: string;
  readonly binlogEnabled?: boolean;
  readonly bootstrapSQLConfigMapName?: string;
  readonly config?: ComponentConfig;
  readonly customizedStartupProbe?: Preserved;
  readonly initializer?: Preserved;
  readonly lifecycle?: Preserved;
  /** @minimum 0 */
  readonly maxFailoverCount?: Int32;
  readonly plugins?: readonly string[];
  /** @minimum 0 */
  readonly replicas: Int32;
  readonly scalePolicy?: ScalePolicy;
  /** Whether a second container prints the slow log. Unset means true. */
  readonly separateSlowLog?: boolean;
  readonly service?: TiDBServiceSpec;
  readonly serviceAccount?: string;
  readonly slowLogTailer?: SlowLogTailer;
  readonly slowLogVolumeName?: string;
  readonly storageClassName?: string;
  readonly storageVolumes?: readonly StorageVolume[];
  readonly tlsClient?: Preserved;
  readonly tokenBasedAuthEnabled?: boolean;
  readonly volumeAttributesClassName?: string;
}

export interface SlowLogTailer extends ResourceSettings {
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly securityContext?: Preserved;
}

export type MemberPhase = 'Normal' | 'Upgrade' | 'Scale' | 'Suspend';

/** Copy of the StatefulSet's status. */
export interface StatefulSetStatusCopy {
  readonly availableReplicas?: Int32;
  readonly collisionCount?: Int32;
  readonly conditions?: readonly Preserved[];
  readonly currentReplicas?: Int32;
  readonly currentRevision?: string;
  readonly observedGeneration?: Int64;
  readonly readyReplicas?: Int32;
  readonly replicas: Int32;
  readonly updateRevision?: string;
  readonly updatedReplicas?: Int32;
}

export interface TidbClusterCondition {
  readonly lastTransitionTime?: DateTime;
  readonly lastUpdateTime?: DateTime;
  readonly message?: string;
  readonly reason?: string;
  readonly status: string;
  readonly type: string;
}

export interface PDMemberStatus {
  readonly clientURL: string;
  readonly health: boolean;
  /** uint64 as text: it does not fit a JSON number. */
  readonly id: string;
  readonly lastTransitionTime?: DateTime;
  readonly name: string;
}

export interface UnjoinedMember {
  readonly createdAt?: DateTime;
  readonly podName?: string;
}

export interface PDStatus {
  readonly image?: string;
  readonly leader?: PDMemberStatus;
  readonly members?: Readonly<Record<string, PDMemberStatus>>;
  readonly peerMembers?: Readonly<Record<string, PDMemberStatus>>;
  readonly phase?: MemberPhase;
  readonly statefulSet?: StatefulSetStatusCopy;
  /** Whether the last sync could ask PD. */
  readonly synced?: boolean;
  readonly unjoinedMembers?: Readonly<Record<string, UnjoinedMember>>;
}

export interface TiKVStoreStatus {
  /** uint64 as text. */
  readonly id: string;
  readonly ip: string;
  readonly lastTransitionTime?: DateTime;
  readonly leaderCount: Int32;
  readonly leaderCountBeforeUpgrade?: Int32;
  readonly podName: string;
  /** Up, Offline, Tombstone, Disconnected or Down, as PD says. */
  readonly state: string;
}

export interface TiKVStatus {
  readonly bootStrapped?: boolean;
  readonly image?: string;
  readonly peerStores?: Readonly<Record<string, TiKVStoreStatus>>;
  readonly phase?: MemberPhase;
  readonly statefulSet?: StatefulSetStatusCopy;
  readonly stores?: Readonly<Record<string, TiKVStoreStatus>>;
  readonly synced?: boolean;
  readonly tombstoneStores?: Readonly<Record<string, TiKVStoreStatus>>;
}

export interface TiDBMemberStatus {
  readonly health: boolean;
  readonly lastTransitionTime?: DateTime;
  readonly name: string;
  readonly node?: string;
}

export interface TiDBStatus {
  readonly image?: string;
  readonly members?: Readonly<Record<string, TiDBMemberStatus>>;
  readonly phase?: MemberPhase;
  readonly statefulSet?: StatefulSetStatusCopy;
}

export interface TidbClusterStatus {
  readonly clusterID?: string;
  readonly conditions?: readonly TidbClusterCondition[];
  readonly pd?: PDStatus;
  readonly tidb?: TiDBStatus;
  readonly tikv?: TiKVStatus;
}
