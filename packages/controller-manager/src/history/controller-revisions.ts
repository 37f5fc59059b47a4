import type { ControllerRevision } from '@coracle/api';
import { compareBytes, type KubeObject, type OwnerReference, parseTime, withEntry, writeJson } from '@coracle/apimachinery';
import { fnv32, safeEncode } from '../controller/hash.ts';

/** The history of templates of a StatefulSet (pkg/controller/history/controller_history.go). */

export const revisionHashLabel = 'controller.kubernetes.io/hash';
/** Characters of the owner's name that fit before the hash. */
const maxPrefixLength = 223;

/**
 * Upstream's hash of a revision: of its data as Go writes JSON, and of the count of collisions in decimal. Unlike a
 * Deployment's, its value is the same here and there, so that a set keeps its revisions when it moves.
 */
export function revisionHash(data: unknown, collisionCount: number): string {
  const text = writeJson(data).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return safeEncode(String(fnv32(`${text}${collisionCount}`)));
}

export interface RevisionDraft {
  readonly owner: KubeObject;
  readonly reference: OwnerReference;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly data: unknown;
  readonly revision: number;
  readonly collisionCount: number;
}

export function newControllerRevision({ owner, reference, labels, data, revision, collisionCount }: RevisionDraft): ControllerRevision {
  const { name = '', namespace = '', annotations } = owner.metadata;
  const hash = revisionHash(data, collisionCount);
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name.slice(0, maxPrefixLength)}-${hash}`,
      namespace,
      labels: withEntry(labels, revisionHashLabel, hash),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [reference],
    },
    data,
    revision,
  };
}

export function isSameData(a: unknown, b: unknown): boolean {
  return writeJson(a) === writeJson(b);
}

/** By number, then age, then name. */
export function inOrder(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return [...revisions].sort(
    (a, b) =>
      a.revision - b.revision ||
      (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0) ||
      compareBytes(a.metadata.name ?? '', b.metadata.name ?? ''),
  );
}

/** What has to be done so that the newest revision of `ordered` has `data`. */
export type RevisionStep =
  | { readonly do: 'keep'; readonly revision: ControllerRevision }
  | { readonly do: 'renumber'; readonly revision: ControllerRevision; readonly to: number }
  | { readonly do: 'create'; readonly number: number };

/** A template that was there before gets its old revision back, under the next number. */
export function revisionStep(ordered: readonly ControllerRevision[], data: unknown): RevisionStep {
  const newest = ordered.at(-1);
  const number = (newest?.revision ?? 0) + 1;
  const equal = ordered.findLast((revision) => isSameData(revision.data, data));
  if (equal === undefined) return { do: 'create', number };
  return newest !== undefined && isSameData(newest.data, data)
    ? { do: 'keep', revision: newest }
    : { do: 'renumber', revision: equal, to: number };
}

/** The oldest revisions that nothing uses any more, beyond `limit`. */
export function revisionsToDelete(
  ordered: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
  limit: number,
): readonly ControllerRevision[] {
  const unused = ordered.filter(({ metadata }) => !inUse.has(metadata.name ?? ''));
  return limit < 0 ? [] : unused.slice(0, Math.max(0, unused.length - limit));
}
