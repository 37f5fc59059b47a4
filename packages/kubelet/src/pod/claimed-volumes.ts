import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import type { Process } from '@coracle/kernel';

export interface ClaimedVolumesOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** What a pod (uid) asked for is known, or refused. */
  readonly onAnswer: (pod: string) => void;
}

/** What a volume of a pod stands for: a claim by its name, its own or, `isOwned`, one that was made for this pod. */
export interface ClaimReference {
  readonly claimName: string;
  readonly isOwned: boolean;
}

export type ClaimAnswer = { readonly volume: Frozen<PersistentVolume> } | { readonly refusal: string };

interface Question {
  readonly pod: Frozen<Pod>;
  readonly claim: ClaimReference;
  answer: ClaimAnswer | undefined;
}

/**
 * The PersistentVolumes behind the claims of a node's pods (pkg/kubelet/volumemanager/populator). A node may get the claims and
 * volumes of its pods, one by one, and neither list nor watch them. So each is asked for when a pod is about to be set up, one
 * request at a time for the whole node, and anew when the pod tries again; nothing is kept beyond that.
 */
export class ClaimedVolumes {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #onAnswer: ClaimedVolumesOptions['onAnswer'];
  /** By uid of the pod, then by name of the claim. */
  readonly #questions = new Map<string, Map<string, Question>>();
  readonly #waiting: Question[] = [];
  #asking: Promise<void> | undefined;

  constructor({ process, clientset, onAnswer }: ClaimedVolumesOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#onAnswer = onAnswer;
  }

  /** The answer for this try of the pod; undefined: it is being asked for, and `onAnswer` tells when it is there. */
  of(pod: Frozen<Pod>, claim: ClaimReference): ClaimAnswer | undefined {
    const { uid = '' } = pod.metadata;
    const questions = this.#questions.get(uid) ?? new Map<string, Question>();
    this.#questions.set(uid, questions);
    const known = questions.get(claim.claimName);
    if (known !== undefined) return known.answer;
    const question: Question = { pod, claim, answer: undefined };
    questions.set(claim.claimName, question);
    this.#waiting.push(question);
    this.#asking ??= this.#process.spawn('claims of pods', () => this.#askAll()).done;
    return undefined;
  }

  /** The try of the pod is over: the next one asks anew. */
  forget(uid: string): void {
    this.#questions.delete(uid);
  }

  /** Resolves when nothing is being asked any more. */
  async shutdown(): Promise<void> {
    this.#waiting.length = 0;
    await this.#asking;
  }

  async #askAll(): Promise<void> {
    for (let question = this.#waiting.shift(); question !== undefined; question = this.#waiting.shift()) {
      const { uid = '' } = question.pod.metadata;
      const isAsked = (): boolean => this.#questions.get(uid)?.get(question.claim.claimName) === question;
      if (!isAsked()) continue; // the pod has gone
      const answer = await this.#ask(question);
      question.answer = answer;
      if (isAsked()) this.#onAnswer(uid);
    }
    this.#asking = undefined;
  }

  async #ask({ pod, claim: { claimName, isOwned } }: Question): Promise<ClaimAnswer> {
    const { namespace = '' } = pod.metadata;
    const refused = (why: string): ClaimAnswer => ({ refusal: `error processing PVC ${namespace}/${claimName}: ${why}` });
    let claim: Frozen<PersistentVolumeClaim>;
    try {
      claim = await this.#clientset.coreV1.persistentVolumeClaims(namespace).get(claimName);
    } catch (error) {
      return refused(`failed to fetch PVC from API server: ${messageOf(error)}`);
    }
    const fault = claimFault(claim);
    if (fault !== undefined) return refused(fault);
    const other = isOwned ? ownerFault(claim, pod) : undefined;
    if (other !== undefined) return { refusal: other };
    const { volumeName = '' } = claim.spec;
    let volume: Frozen<PersistentVolume>;
    try {
      volume = await this.#clientset.coreV1.persistentVolumes().get(volumeName);
    } catch (error) {
      return refused(`failed to fetch PV ${volumeName} from API server: ${messageOf(error)}`);
    }
    const unbound = bindingFault(volume, claim);
    return unbound === undefined ? { volume } : refused(unbound);
  }
}

function ownerFault({ metadata }: Frozen<PersistentVolumeClaim>, pod: Frozen<Pod>): string | undefined {
  if ((metadata.ownerReferences ?? []).some(({ controller, uid }) => controller === true && uid === pod.metadata.uid)) return undefined;
  const [claimName, podName] = [metadata, pod.metadata].map(({ namespace = '', name = '' }) => `${namespace}/${name}`);
  return `PVC ${claimName} was not created for pod ${podName} (pod is not owner)`;
}

function claimFault({ metadata, spec, status }: Frozen<PersistentVolumeClaim>): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'PVC is being deleted';
  if (status?.phase !== 'Bound') return 'PVC is not bound';
  return (spec.volumeName ?? '') === '' ? 'PVC has empty pvc.Spec.VolumeName' : undefined;
}

/** Why a volume is not that of the claim that names it: another claim of the name may have had it. */
function bindingFault({ metadata, spec }: Frozen<PersistentVolume>, claim: Frozen<PersistentVolumeClaim>): string | undefined {
  const found = `found PV object ${metadata.name ?? ''} but`;
  if (spec.claimRef === undefined) return `${found} it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`;
  const { uid = '' } = spec.claimRef;
  if (uid === claim.metadata.uid) return undefined;
  return `${found} its pv.Spec.ClaimRef.UID ${uid} does not point to claim.UID ${claim.metadata.uid ?? ''}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
