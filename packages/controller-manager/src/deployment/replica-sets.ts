import type { Deployment, PodTemplateSpec, ReplicaSet } from '@coracle/api';
import { compareBytes, getOwn, parseTime, semanticEqual, withoutEntry, writeJson } from '@coracle/apimachinery';
import { fnv32a, safeEncode } from '../controller/hash.ts';
import { revisionAnnotation } from './annotations.ts';

/** Reading the ReplicaSets of a Deployment (pkg/controller/deployment/util/deployment_util.go). */

/** Tells the ReplicaSets of a Deployment apart; on their selectors, templates and pods. */
export const templateHashLabel = 'pod-template-hash';

/** A subdomain (253), less the dash and five characters that a pod's name adds. */
const maxNameLength = 253 - 6;

/** A ReplicaSet and a template of one Deployment belong together when they differ in nothing but the hash. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  return { ...template, metadata: { ...template?.metadata, labels: withoutEntry(template?.metadata?.labels, templateHashLabel) } };
}

/**
 * Another text for another template, the same for the same. Upstream hashes Go's print of its struct, which nobody else can
 * compute; no client depends on the value.
 */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const salt = collisionCount === undefined ? '' : `#${collisionCount}`;
  return safeEncode(String(fnv32a(writeJson(template) + salt)));
}

/** `web-<hash>`, cut so that the names of its pods still fit (deployment/util generateReplicaSetName). */
export function replicaSetName(deployment: string, hash: string): string {
  return `${deployment.slice(0, maxNameLength - hash.length - 1)}-${hash}`;
}

/** The oldest ReplicaSet with the Deployment's template, if there is one: what the roll-out goes towards. */
export function newReplicaSetOf(deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(replicaSets).find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template));
}

export function othersThan(replicaSet: ReplicaSet | undefined, replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.filter(({ metadata }) => metadata.uid !== replicaSet?.metadata.uid);
}

/** Wants pods. */
export function isActive(replicaSet: ReplicaSet): boolean {
  return wanted(replicaSet) > 0;
}

/** `spec.replicas`. */
export function wanted(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1;
}

export function totalWanted(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, replicaSet) => sum + wanted(replicaSet), 0);
}

export function totalOf(replicaSets: readonly ReplicaSet[], count: 'replicas' | 'readyReplicas' | 'availableReplicas'): number {
  return replicaSets.reduce((sum, { status }) => sum + (status?.[count] ?? 0), 0);
}

/** The number of a ReplicaSet in the Deployment's history; 0 without one. */
export function revisionOf(replicaSet: ReplicaSet): number {
  const revision = Number(getOwn(replicaSet.metadata.annotations, revisionAnnotation) ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

export function oldestFirst(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return [...replicaSets].sort((a, b) => created(a) - created(b) || compareBytes(nameOf(a), nameOf(b)));
}

/** Larger first; equal ones newer, resp. older first. */
export function largestFirst(replicaSets: readonly ReplicaSet[], among: 'newer' | 'older'): readonly ReplicaSet[] {
  const byAge = oldestFirst(replicaSets);
  const ordered = among === 'older' ? byAge : byAge.toReversed();
  return ordered.toSorted((a, b) => wanted(b) - wanted(a));
}

export function byRevision(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return oldestFirst(replicaSets).toSorted((a, b) => revisionOf(a) - revisionOf(b));
}

export function nameOf(object: Deployment | ReplicaSet): string {
  return object.metadata.name ?? '';
}

function created({ metadata }: ReplicaSet): number {
  return parseTime(metadata.creationTimestamp) ?? 0;
}
