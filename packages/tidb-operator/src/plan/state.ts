import type { KubeObject } from '@coracle/apimachinery';
import type {
  ConfigMap,
  Deployment,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Role,
  RoleBinding,
  Service,
  ServiceAccount,
  StatefulSet,
} from '@coracle/api';
import type { TidbCluster, TidbClusterStatus } from '../api/types.ts';

export type ComponentName = 'pd' | 'tikv' | 'tidb';

/** Everything that one sync looks at. Plain data: `plan` decides from it alone. */
export interface ClusterState {
  /** With defaults. */
  readonly tc: TidbCluster;
  readonly nowMs: number;
  readonly objects: ClusterObjects;
  readonly pd: PDView;
  /** Health of each TiDB pod that was asked. */
  readonly tidbHealth: ReadonlyMap<string, boolean>;
}

/** The cluster's objects by name, as the caches have them. */
export interface ClusterObjects {
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccount>;
  readonly roles: ReadonlyMap<string, Role>;
  readonly roleBindings: ReadonlyMap<string, RoleBinding>;
  readonly deployments: ReadonlyMap<string, Deployment>;
  readonly services: ReadonlyMap<string, Service>;
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly statefulSets: ReadonlyMap<string, StatefulSet>;
  readonly pods: ReadonlyMap<string, Pod>;
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
  readonly volumes: ReadonlyMap<string, PersistentVolume>;
}

/** uint64 ids are text: they do not fit a JSON number. */
export interface PDMember {
  readonly name: string;
  readonly memberId: string;
  readonly clientUrls: readonly string[];
  readonly health: boolean;
}

export interface PDStore {
  readonly id: string;
  readonly address: string;
  readonly stateName: string;
  readonly leaderCount: number;
  readonly regionCount: number;
}

/** What PD said in this sync. */
export type PDView =
  | { readonly answered: false; readonly why: string }
  | {
      readonly answered: true;
      readonly clusterId: string;
      readonly members: readonly PDMember[];
      readonly leader: string | undefined;
      /** Undefined while no TiKV has bootstrapped the cluster. */
      readonly stores: readonly PDStore[] | undefined;
      readonly tombstones: readonly PDStore[];
      readonly maxReplicas: number;
    };

/** A call that changes PD. */
export type PDCall =
  | { readonly call: 'delete-store'; readonly id: string }
  | { readonly call: 'keep-store'; readonly id: string }
  | { readonly call: 'evict-leaders'; readonly id: string }
  | { readonly call: 'end-evict-leaders'; readonly id: string }
  | { readonly call: 'delete-member'; readonly name: string }
  | { readonly call: 'transfer-leader'; readonly name: string };

/** One change that a sync makes. `patch` is a JSON merge patch; a resourceVersion in it makes it conditional. */
export type Action =
  | { readonly verb: 'create'; readonly object: KubeObject }
  | { readonly verb: 'patch'; readonly target: PatchTarget; readonly name: string; readonly patch: Readonly<Record<string, unknown>> }
  | { readonly verb: 'delete-claim'; readonly name: string; readonly uid: string }
  | { readonly verb: 'pd'; readonly request: PDCall };

export type PatchTarget =
  | 'services'
  | 'configmaps'
  | 'statefulsets'
  | 'deployments'
  | 'pods'
  | 'persistentvolumeclaims'
  | 'persistentvolumes';

/** Why a sync stopped before its end: shown in the condition Progressing, in events and by `explain`. */
export interface Wait {
  readonly component: 'cluster' | 'discovery' | ComponentName;
  readonly reason: WaitReason;
  readonly message: string;
  /** Of a wait that would end by the user's hand only: others are at it, so look again soon. */
  readonly passing?: boolean;
}

export type WaitReason =
  | 'WaitingForPD'
  | 'WaitingForPDQuorum'
  | 'WaitingForTiKV'
  | 'WaitingForTiDB'
  | 'WaitingForPDAnswer'
  | 'ScalingOut'
  | 'ScalingIn'
  | 'FailedScaleIn'
  | 'NotSupported'
  | 'NotOwned'
  | 'EvictingLeaders'
  | 'StoreOffline';

export interface Notice {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What one step of the chain decided. A wait ends the chain; the actions are still done. */
export interface StepResult {
  readonly actions: readonly Action[];
  readonly wait?: Wait;
  readonly notices?: readonly Notice[];
}

export interface Plan {
  readonly actions: readonly Action[];
  readonly status: TidbClusterStatus;
  readonly wait: Wait | undefined;
  readonly notices: readonly Notice[];
}
