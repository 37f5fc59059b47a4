import { type ClusterView, type FilterPlugin, noSay } from '../framework.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { claimNameOf, concernsClaims } from './volume-binding.ts';

const taken: readonly string[] = [
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
];

/**
 * A claim that is for one pod (ReadWriteOncePod) has one, wherever it runs (plugins/volumerestrictions). Upstream also keeps
 * apart pods that use the same disk of some clouds without a claim; no volume of those kinds can be mounted here.
 */
export const volumeRestrictions: FilterPlugin = {
  name: 'VolumeRestrictions',
  requeueOn: ['node/added', 'pod/removed', 'claim'],
  concerns: concernsClaims,
  prepare({ pod }, cluster) {
    const { namespace = '' } = pod.metadata;
    const exclusive = new Set<string>();
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (persistentVolumeClaim === undefined) continue;
      const { claimName } = persistentVolumeClaim;
      const claim = cluster.claim(namespace, claimName);
      if (claim === undefined) return { say: 'nowhere', message: `persistentvolumeclaim "${claimName}" not found` };
      if (claim.spec.accessModes?.includes('ReadWriteOncePod') === true) exclusive.add(claimName);
    }
    if (exclusive.size === 0 || !isInUse(exclusive, namespace, cluster)) return noSay;
    return { say: 'nodes', filter: () => taken };
  },
};

function isInUse(claimNames: ReadonlySet<string>, namespace: string, { nodes }: ClusterView): boolean {
  const uses = ({ pod }: PodInfo): boolean =>
    pod.metadata.namespace === namespace && (pod.spec.volumes ?? []).some((volume) => claimNames.has(claimNameOf(pod, volume) ?? ''));
  return nodes.some((node) => [...node.pods()].some(uses));
}
