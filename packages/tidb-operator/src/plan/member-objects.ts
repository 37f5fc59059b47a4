import type { Service, StatefulSet } from '@coracle/api';
import { formatTime, getOwn, hasOwn, semanticEqual, writeJson } from '@coracle/apimachinery';
import type { TidbCluster } from '../api/types.ts';
import { readOwnText } from './discovery.ts';
import { annotations, claimNames, memberName } from './names.ts';
import { clientService, configMap, digestOf, peerService, statefulSet } from './objects.ts';
import type { Action, ClusterState, ComponentName, Notice } from './state.ts';

type DeleteClaim = Extract<Action, { readonly verb: 'delete-claim' }>;

/** Creates or corrects the Services of a component. */
export function serviceActions(state: ClusterState, component: ComponentName): readonly Action[] {
  const wanted = [clientService(state.tc, component), peerService(state.tc, component)].filter((one) => one !== undefined);
  return wanted.flatMap((service) => serviceAction(state, service));
}

function serviceAction(state: ClusterState, service: Service): readonly Action[] {
  const name = service.metadata?.name ?? '';
  const current = state.objects.services.get(name);
  if (current === undefined) return [{ verb: 'create', object: service }];
  const { labels = {}, annotations: marks = {} } = service.metadata ?? {};
  const applied = readOwnText(getOwn(current.metadata?.annotations, annotations.lastApplied));
  const isSame = semanticEqual(applied, readOwnText(getOwn(marks, annotations.lastApplied)));
  // What others have put there stays; what the spec says has to be there.
  const { [annotations.lastApplied]: _spec, ...given } = marks;
  if (isSame && contains(current.metadata?.annotations, given) && contains(current.metadata?.labels, labels)) return [];
  return [{ verb: 'patch', target: 'services', name, patch: { metadata: { annotations: marks, labels }, spec: service.spec } }];
}

function contains(all: Readonly<Record<string, string>> | undefined, some: Readonly<Record<string, string>>): boolean {
  return Object.entries(some).every(([key, value]) => getOwn(all, key) === value);
}

/** Creates the ConfigMap, or changes the one in place. A ConfigMap that no pod will use (see `upgradeNotice`) is not made. */
export function configMapActions(state: ClusterState, component: ComponentName): readonly Action[] {
  const wanted = configMap(state.tc, component);
  const name = wanted.metadata?.name ?? '';
  const current = state.objects.configMaps.get(name);
  if (current === undefined) return upgradeNotice(state, component) === undefined ? [{ verb: 'create', object: wanted }] : [];
  if (semanticEqual(current.data, wanted.data)) return [];
  return [{ verb: 'patch', target: 'configmaps', name, patch: { data: wanted.data } }];
}

/** The template that the set runs and the one that the spec asks for, when they differ. */
export function upgradeNotice(state: ClusterState, component: ComponentName): Notice | undefined {
  const name = memberName(state.tc, component);
  const current = state.objects.statefulSets.get(name);
  if (current === undefined) return undefined;
  const running = templateOf(current);
  const wanted = templateOf(statefulSet(state.tc, component, current.spec?.replicas ?? 0));
  if (running === undefined || semanticEqual(running, wanted)) return undefined;
  return {
    type: 'Warning',
    reason: 'UpgradeNotSupported',
    message: `StatefulSet ${name} keeps its pod template: rolling upgrade is not supported, template ${digestOf(wanted)} is not applied`,
  };
}

function templateOf(set: StatefulSet): unknown {
  const applied = readOwnText(getOwn(set.metadata?.annotations, annotations.lastApplied));
  if (typeof applied !== 'object' || applied === null || !('template' in applied)) return undefined;
  return applied.template;
}

/** Changes the number of pods, on condition that nobody changed the set meanwhile. The template stays as it is. */
export function scaleAction(tc: TidbCluster, set: StatefulSet, replicas: number): Action {
  const applied = readOwnText(getOwn(set.metadata?.annotations, annotations.lastApplied));
  const onDelete = set.spec?.updateStrategy?.type === 'OnDelete';
  const updateStrategy = onDelete ? { type: 'OnDelete' } : { rollingUpdate: { partition: replicas }, type: 'RollingUpdate' };
  const spec = { ...(typeof applied === 'object' && applied), replicas, updateStrategy };
  return {
    verb: 'patch',
    target: 'statefulsets',
    name: set.metadata?.name ?? '',
    patch: {
      metadata: {
        resourceVersion: set.metadata?.resourceVersion,
        annotations: { [annotations.lastApplied]: writeJson(spec), [annotations.ownerGeneration]: String(tc.metadata.generation ?? 0) },
      },
      spec: { replicas, updateStrategy },
    },
  };
}

/** Deletes a claim that an earlier scale-in left behind, so that a new pod starts empty. */
export function deferredClaimDeletions(state: ClusterState, claim: string): readonly DeleteClaim[] {
  const found = state.objects.claims.get(claim);
  if (found === undefined || !hasOwn(found.metadata?.annotations, annotations.deferDeleting)) return [];
  return [{ verb: 'delete-claim', name: claim, uid: found.metadata?.uid ?? '' }];
}

/** Marks the claims of a pod that goes for good; their data stays until the ordinal is used again. */
export function deferClaimDeletions(state: ClusterState, component: ComponentName, ordinal: number): readonly Action[] {
  return claimNames(state.tc, component, ordinal).flatMap((claim): readonly Action[] => {
    const found = state.objects.claims.get(claim);
    if (found === undefined || hasOwn(found.metadata?.annotations, annotations.deferDeleting)) return [];
    const patch = { metadata: { annotations: { [annotations.deferDeleting]: formatTime(state.nowMs) } } };
    return [{ verb: 'patch', target: 'persistentvolumeclaims', name: claim, patch }];
  });
}
