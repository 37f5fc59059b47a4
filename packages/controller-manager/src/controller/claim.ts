import { controllerOf, isInvalid, isNotFound, type KubeObject, type LabelMatcher, type OwnerReference } from '@coracle/apimachinery';

/** What becomes of an object when a controller sorts out what it manages. */
export type ClaimVerdict = 'owned' | 'adopt' | 'release' | 'ignore';

/**
 * Whether `object` belongs to `owner`, whose selector is `matches` (pkg/controller ClaimObject). An object has one controller
 * at most: what others manage is ignored, what nobody manages and the selector selects is adopted, what is managed and no
 * longer selected is released. An owner that is being deleted changes nothing.
 */
export function claimVerdict(owner: KubeObject, matches: LabelMatcher, object: KubeObject): ClaimVerdict {
  const controller = controllerOf(object);
  const selected = matches.matches(object.metadata.labels);
  const isDying = owner.metadata.deletionTimestamp !== undefined;
  if (controller !== undefined) {
    if (controller.uid !== owner.metadata.uid) return 'ignore';
    if (selected) return 'owned';
    return isDying ? 'ignore' : 'release';
  }
  if (isDying || !selected || object.metadata.deletionTimestamp !== undefined) return 'ignore';
  return object.metadata.namespace === owner.metadata.namespace ? 'adopt' : 'ignore';
}

/** How claims are written; `patch` is a strategic merge patch. */
export interface ClaimWriter {
  readonly reference: OwnerReference;
  /** The owner as the server holds it now, throwing NotFound: the cache may be behind a deletion. */
  liveOwner(): Promise<KubeObject>;
  patch(object: KubeObject, patch: unknown): Promise<KubeObject>;
}

/**
 * The objects among `candidates` that `owner` manages, after adopting and releasing what has to be (pkg/controller
 * BaseControllerRefManager). Goes through all of them before it throws the first error.
 */
export async function claim<T extends KubeObject>(
  owner: KubeObject,
  matches: LabelMatcher,
  candidates: readonly T[],
  writer: ClaimWriter,
): Promise<readonly T[]> {
  const claimed: T[] = [];
  const errors: unknown[] = [];
  let adoptable: Promise<void> | undefined;
  for (const object of candidates) {
    try {
      switch (claimVerdict(owner, matches, object)) {
        case 'owned':
          claimed.push(object);
          break;
        case 'release':
          await writer.patch(object, {
            metadata: { uid: object.metadata.uid, ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }] },
          });
          break;
        case 'adopt':
          adoptable ??= checkAdoptable(owner, writer); // once for all
          await adoptable;
          claimed.push((await writer.patch(object, { metadata: { uid: object.metadata.uid, ownerReferences: [writer.reference] } })) as T); // the server answers with the same kind
          break;
        case 'ignore':
          break;
      }
    } catch (error) {
      // Gone, or made anew under another uid: nothing of ours any more.
      if (!isNotFound(error) && !isInvalid(error)) errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return claimed;
}

/** Adopting for an owner that is being deleted would strand the orphan that somebody asked for. */
async function checkAdoptable(owner: KubeObject, writer: ClaimWriter): Promise<void> {
  const live = await writer.liveOwner();
  const name = `${owner.metadata.namespace}/${owner.metadata.name}`;
  if (live.metadata.uid !== owner.metadata.uid) {
    throw new Error(`original ${writer.reference.kind} ${name} is gone: got uid ${live.metadata.uid}, wanted ${owner.metadata.uid}`);
  }
  if (live.metadata.deletionTimestamp !== undefined) throw new Error(`${name} has just been deleted at ${live.metadata.deletionTimestamp}`);
}
