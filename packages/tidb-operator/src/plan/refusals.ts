import type { OwnerReference } from '@coracle/apimachinery';
import type { TidbCluster, TidbClusterSpec } from '../api/types.ts';
import type { ClusterObjects, ClusterState, Notice, StepResult } from './state.ts';

/** Asks for something without which the cluster would be another one than was meant: nothing is done. */
const refused: readonly (readonly [field: string, isAsked: (spec: TidbClusterSpec) => boolean])[] = [
  ['spec.tlsCluster', ({ tlsCluster }) => tlsCluster?.['enabled'] === true],
  ['spec.tidb.tlsClient', ({ tidb }) => tidb?.tlsClient?.['enabled'] === true],
  ['spec.cluster', ({ cluster }) => cluster !== undefined],
  ['spec.pdAddresses', ({ pdAddresses = [] }) => pdAddresses.length > 0],
  ['spec.acrossK8s', ({ acrossK8s }) => acrossK8s === true],
  ['spec.recoveryMode', ({ recoveryMode }) => recoveryMode === true],
  ['spec.pd.mode', ({ pd }) => pd?.mode === 'ms'],
  ['spec.pdms', ({ pdms = [] }) => pdms.length > 0],
  ...(['pd', 'tikv', 'tidb'] as const).map((component): readonly [string, (spec: TidbClusterSpec) => boolean] => [
    `spec.${component}.suspendAction`,
    (spec) => isSuspended(spec[component]?.suspendAction) || (spec[component] !== undefined && isSuspended(spec.suspendAction)),
  ]),
];

function isSuspended(action: Readonly<Record<string, unknown>> | undefined): boolean {
  return action?.['suspendStatefulSet'] === true;
}

/** Components that we do not run: the others come up, and the cluster is never Ready. */
export function missingComponents(spec: TidbClusterSpec): readonly string[] {
  return (['tiflash', 'tiproxy', 'pump', 'ticdc'] as const).filter((component) => spec[component] !== undefined);
}

/** Accepted as upstream accepts them and not acted on; said once in an event. */
const ignored: readonly (readonly [field: string, read: (spec: TidbClusterSpec) => unknown])[] = [
  ['spec.enablePVReclaim', (spec) => spec.enablePVReclaim],
  ['spec.enablePVCReplace', (spec) => spec.enablePVCReplace],
  ['spec.services', (spec) => spec.services],
  ['spec.tikv.failover', (spec) => spec.tikv?.failover],
  ['spec.tikv.logTailer', (spec) => spec.tikv?.logTailer],
  ['spec.tikv.recoverFailover', (spec) => spec.tikv?.recoverFailover],
  ['spec.tikv.separateRaftLog', (spec) => spec.tikv?.separateRaftLog],
  ['spec.tikv.separateRocksDBLog', (spec) => spec.tikv?.separateRocksDBLog],
  ['spec.tidb.binlogEnabled', (spec) => spec.tidb?.binlogEnabled],
  ['spec.tidb.bootstrapSQLConfigMapName', (spec) => spec.tidb?.bootstrapSQLConfigMapName],
  ['spec.tidb.customizedStartupProbe', (spec) => spec.tidb?.customizedStartupProbe],
  ['spec.tidb.initializer', (spec) => spec.tidb?.initializer],
  ['spec.tidb.plugins', (spec) => spec.tidb?.plugins],
  ['spec.tidb.tokenBasedAuthEnabled', (spec) => spec.tidb?.tokenBasedAuthEnabled],
];

/** The first step of a sync: what cannot be done as asked is not begun, and what is left out is said. */
export function refuse({ tc, objects }: ClusterState): StepResult {
  const fields = refused.filter(([, isAsked]) => isAsked(tc.spec)).map(([field]) => field);
  if (fields.length > 0) {
    return {
      actions: [],
      wait: {
        component: 'cluster',
        reason: 'NotSupported',
        message: `${fields.join(', ')}: not supported by this operator, nothing is changed`,
      },
    };
  }
  const foreign = foreignObject(tc, objects);
  if (foreign !== undefined) return { actions: [], wait: { component: 'cluster', reason: 'NotOwned', ...foreign } };
  return { actions: [], notices: leftOut(tc.spec) };
}

function leftOut(spec: TidbClusterSpec): readonly Notice[] {
  const notices: Notice[] = [];
  const components = missingComponents(spec);
  if (components.length > 0) {
    notices.push({
      type: 'Warning',
      reason: 'ComponentNotSupported',
      message: `${components.join(', ')}: this operator does not run it, the cluster will not be Ready`,
    });
  }
  const fields = ignored.filter(([, read]) => isSet(read(spec))).map(([field]) => field);
  if (fields.length > 0)
    notices.push({ type: 'Warning', reason: 'FieldIgnored', message: `${fields.join(', ')}: not acted on by this operator` });
  return notices;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** An object of a name that we use, which somebody else controls: to change it would be to take it. */
function foreignObject(tc: TidbCluster, objects: ClusterObjects): { readonly message: string; readonly passing: boolean } | undefined {
  const { statefulSets, deployments, services, configMaps, serviceAccounts, roles, roleBindings } = objects;
  for (const [kind, found] of Object.entries({
    StatefulSet: statefulSets,
    Deployment: deployments,
    Service: services,
    ConfigMap: configMaps,
    ServiceAccount: serviceAccounts,
    Role: roles,
    RoleBinding: roleBindings,
  })) {
    for (const [name, { metadata }] of found) {
      const owner = metadata?.ownerReferences?.find((reference: OwnerReference) => reference.controller === true);
      if (owner?.uid === tc.metadata.uid) continue;
      // Of a TidbCluster of the same name that was deleted: the garbage collector is at it.
      const passing = owner?.kind === 'TidbCluster' && owner.name === tc.metadata.name;
      return {
        message: `${kind} ${name} belongs to ${owner === undefined ? 'nobody' : `${owner.kind} ${owner.name}`}, not to this TidbCluster${passing ? ': it is being collected' : ''}`,
        passing,
      };
    }
  }
  return undefined;
}
