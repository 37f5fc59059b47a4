import type { Deployment, ReplicaSet } from '@coracle/api';
import { getOwn, sortedEntries, type WireMap, withEntry } from '@coracle/apimachinery';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
/** Earlier numbers of a ReplicaSet that was used again. */
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
/** On ReplicaSets: what their Deployment wanted when they were last scaled, for scaling in proportion. */
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Characters of the revision history beyond which the oldest go (maxRevHistoryLengthInChars). */
const maxHistoryLength = 2000;

/** Annotations of a Deployment that mean the Deployment alone. */
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
]);

/** The annotations of the Deployment's current ReplicaSet: the Deployment's own, its number, and the numbers it had before. */
export function annotationsOfNew(deployment: Deployment, present: WireMap | undefined, revision: number): WireMap {
  let annotations: WireMap = present ?? {};
  for (const [key, value] of sortedEntries(deployment.metadata.annotations))
    if (!notCopied.has(key)) annotations = withEntry(annotations, key, value);
  const oldText = getOwn(present, revisionAnnotation);
  const oldRevision = Number(oldText ?? 0);
  if (Number.isNaN(oldRevision) || oldRevision >= revision) return annotations;
  annotations = withEntry(annotations, revisionAnnotation, String(revision));
  if (oldText === undefined) return annotations;
  return withEntry(annotations, revisionHistoryAnnotation, withRevision(getOwn(present, revisionHistoryAnnotation) ?? '', oldText));
}

function withRevision(history: string, revision: string): string {
  const revisions = history === '' ? [revision] : [...history.split(','), revision];
  while (revisions.length > 1 && revisions.join(',').length > maxHistoryLength) revisions.shift();
  return revisions.join(',');
}

export function withReplicaCounts(annotations: WireMap | undefined, desired: number, max: number): WireMap {
  return withEntry(withEntry(annotations, desiredReplicasAnnotation, String(desired)), maxReplicasAnnotation, String(max));
}

/** The number in an annotation of a ReplicaSet; undefined when there is none. */
export function annotatedCount(replicaSet: ReplicaSet, annotation: string): number | undefined {
  const text = getOwn(replicaSet.metadata.annotations, annotation);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}
