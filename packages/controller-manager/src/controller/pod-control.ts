import type { Pod, PodTemplateSpec } from '@coracle/api';
import { type Frozen, isNotFound, type KubeObject, type OwnerReference, StatusError, statusErrorOf } from '@coracle/apimachinery';
import type { Clientset, EventRecorder } from '@coracle/client';
import { podFromTemplate } from './pods.ts';

/** Creates and deletes pods for a controller and says so in events of the controller's object (pkg/controller RealPodControl). */
export class PodControl {
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;

  constructor(clientset: Clientset, recorder: EventRecorder) {
    this.#clientset = clientset;
    this.#recorder = recorder;
  }

  async create(template: PodTemplateSpec, parent: Frozen<KubeObject>, owner: OwnerReference): Promise<void> {
    const pods = this.#clientset.coreV1.pods(parent.metadata.namespace);
    let pod: Frozen<Pod>;
    try {
      pod = await pods.create(podFromTemplate(template, parent, owner));
    } catch (error) {
      // A namespace on its way out takes no events either.
      if (!isNamespaceTerminating(error)) this.#recorder.event(parent, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
    this.#recorder.event(parent, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }

  /** Resolves with whether there was anything to delete. */
  async delete(pod: KubeObject, parent: Frozen<KubeObject>): Promise<boolean> {
    const { name = '', namespace = '', uid } = pod.metadata;
    try {
      await this.#clientset.coreV1.pods(namespace).delete(name, uid === undefined ? {} : { preconditions: { uid } });
    } catch (error) {
      if (isNotFound(error)) return false;
      this.#recorder.event(parent, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
    this.#recorder.event(parent, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return true;
  }
}

/** The refusal of a create because its namespace is being deleted (cause NamespaceTerminating). */
export function isNamespaceTerminating(error: unknown): boolean {
  const found = statusErrorOf(error);
  return found instanceof StatusError && (found.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
