import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from '@coracle/api';
import { controllerOf, parseGroupVersion } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { containerCells, labelsText, namedRow, rowOf, selectorText } from './row.ts';

export const apps: Readonly<Record<string, Cells>> = {
  'apps/v1/controllerrevisions': namedRow<ControllerRevision>((revision) => {
    const owner = controllerOf(revision);
    if (owner === undefined) return ['<none>', revision.revision];
    const { group } = parseGroupVersion(owner.apiVersion);
    const kind = owner.kind.toLowerCase();
    return [`${group === '' ? kind : `${kind}.${group}`}/${owner.name}`, revision.revision];
  }),
  'apps/v1/daemonsets': rowOf<DaemonSet>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    labelsText(spec?.template.spec?.nodeSelector),
    since(metadata.creationTimestamp),
    ...containerCells(spec?.template.spec),
    selectorText(spec?.selector),
  ]),
  'apps/v1/deployments': rowOf<Deployment>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    status?.updatedReplicas ?? 0,
    status?.availableReplicas ?? 0,
    since(metadata.creationTimestamp),
    ...containerCells(spec?.template.spec),
    selectorText(spec?.selector),
  ]),
  'apps/v1/replicasets': rowOf<ReplicaSet>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    since(metadata.creationTimestamp),
    ...containerCells(spec?.template?.spec),
    selectorText(spec?.selector),
  ]),
  'apps/v1/statefulsets': rowOf<StatefulSet>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    since(metadata.creationTimestamp),
    ...containerCells(spec?.template.spec),
  ]),
};
