import type { Deployment, PodTemplateSpec, ReplicaSet } from '@coracle/api';
import {
  controllerReference,
  formatTime,
  type Frozen,
  getOwn,
  isAlreadyExists,
  isControlledBy,
  semanticEqual,
  withEntry,
} from '@coracle/apimachinery';
import { type Clientset, type EventRecorder, resources, type SharedIndexInformer } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { isNamespaceTerminating, messageOf } from '../controller/pod-control.ts';
import { annotationsOfNew, revisionAnnotation, withReplicaCounts } from './annotations.ts';
import { isSameTemplate, nameOf, replicaSetName, revisionOf, templateHash, templateHashLabel, wanted } from './replica-sets.ts';
import { fenceposts, replicasOfNew } from './scaling.ts';
import { conditionOf, createdNew, failedToCreate, type Finding, foundNew, hasProgressDeadline, withCondition } from './status.ts';

export interface NewReplicaSetOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly recorder: EventRecorder;
  readonly replicaSets: SharedIndexInformer<ReplicaSet>;
}

/**
 * Makes the ReplicaSet of a Deployment's present template, or brings the one that is there up to date (sync.go getNewReplicaSet).
 * Both resolve with it, or with undefined when the Deployment itself was written on the way: what is known of it is then out of
 * date, and the event of that write brings it back into the queue.
 */
export class NewReplicaSet {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #recorder: EventRecorder;
  readonly #replicaSets: SharedIndexInformer<ReplicaSet>;

  constructor({ process, clientset, recorder, replicaSets }: NewReplicaSetOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#recorder = recorder;
    this.#replicaSets = replicaSets;
  }

  async adjust(deployment: Frozen<Deployment>, present: ReplicaSet, oldSets: readonly ReplicaSet[]): Promise<ReplicaSet | undefined> {
    const annotations = annotationsOfNew(deployment, present.metadata.annotations, nextRevision(oldSets));
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    if (!semanticEqual(annotations, present.metadata.annotations) || minReadySeconds !== (present.spec.minReadySeconds ?? 0)) {
      const client = this.#clientset.appsV1.replicaSets(present.metadata.namespace);
      return client.update({
        ...present,
        metadata: { ...present.metadata, annotations },
        spec: withMinReadySeconds(present.spec, minReadySeconds),
      });
    }
    const isUnknown = hasProgressDeadline(deployment) && conditionOf(deployment.status?.conditions, 'Progressing') === undefined;
    const written = await this.#note(deployment, String(revisionOf(present)), isUnknown ? foundNew(nameOf(present)) : undefined);
    return written ? undefined : present;
  }

  async create(deployment: Frozen<Deployment>, oldSets: readonly ReplicaSet[]): Promise<ReplicaSet | undefined> {
    const revision = nextRevision(oldSets);
    const draft = draftOf(deployment, oldSets, revision);
    let created: ReplicaSet;
    let isNew = true;
    try {
      created = await this.#clientset.appsV1.replicaSets(deployment.metadata.namespace).create(draft);
    } catch (error) {
      if (!isAlreadyExists(error)) return this.#creationFailed(deployment, draft, error);
      const known = this.#replicaSets.lister.namespace(deployment.metadata.namespace ?? '').get(nameOf(draft));
      if (known === undefined) throw error; // the cache is behind
      if (!isControlledBy(known, deployment) || !isSameTemplate(known.spec.template, deployment.spec.template))
        return this.#collided(deployment, known);
      created = known;
      isNew = false;
    }
    if (isNew && wanted(created) > 0)
      this.#recorder.event(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${nameOf(created)} from 0 to ${wanted(created)}`,
      );
    const written = await this.#note(
      deployment,
      String(revision),
      isNew && hasProgressDeadline(deployment) ? createdNew(nameOf(created)) : undefined,
    );
    return written ? undefined : created;
  }

  /** Another template has the hash of this one: the next try adds a count to what is hashed. */
  async #collided(deployment: Frozen<Deployment>, other: ReplicaSet): Promise<undefined> {
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    this.#process.log.info('Hash collision, trying again with another hash', {
      deployment: nameOf(deployment),
      replicaSet: nameOf(other),
      collisionCount,
    });
    await this.#updateStatus({ ...deployment, status: { ...deployment.status, collisionCount } });
  }

  async #creationFailed(deployment: Frozen<Deployment>, draft: ReplicaSet, error: unknown): Promise<never> {
    if (!isNamespaceTerminating(error)) {
      const message = `Failed to create new replica set "${nameOf(draft)}": ${messageOf(error)}`;
      if (hasProgressDeadline(deployment)) await this.#note(deployment, undefined, failedToCreate(message));
      this.#recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
    }
    throw error;
  }

  /** Writes the revision and a condition into the Deployment where they are not there yet; resolves with whether it did. */
  async #note(deployment: Frozen<Deployment>, revision: string | undefined, finding: Finding | undefined): Promise<boolean> {
    const { annotations } = deployment.metadata;
    const before = deployment.status?.conditions ?? [];
    const conditions = finding === undefined ? before : withCondition(before, finding, formatTime(this.#process.clock.now()));
    const isNumbered = revision === undefined || revision === '0' || getOwn(annotations, revisionAnnotation) === revision;
    if (isNumbered && conditions === before) return false;
    const numbered = isNumbered
      ? deployment.metadata
      : { ...deployment.metadata, annotations: withEntry(annotations, revisionAnnotation, revision) };
    await this.#updateStatus({ ...deployment, metadata: numbered, status: { ...deployment.status, conditions } });
    return true;
  }

  /** The status subresource of a Deployment takes annotations too. */
  async #updateStatus(deployment: Deployment): Promise<void> {
    await this.#clientset.appsV1.deployments(deployment.metadata.namespace).updateStatus(deployment);
  }
}

function withMinReadySeconds({ minReadySeconds: _, ...spec }: ReplicaSet['spec'], minReadySeconds: number): ReplicaSet['spec'] {
  return minReadySeconds === 0 ? spec : { ...spec, minReadySeconds };
}

function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

function draftOf(deployment: Frozen<Deployment>, oldSets: readonly ReplicaSet[], revision: number): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = withEntry(template.metadata?.labels, templateHashLabel, hash);
  const labelled: PodTemplateSpec = { ...template, metadata: { ...template.metadata, labels } };
  const replicas = replicasOfNew(deployment, oldSets, 0);
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSetName(nameOf(deployment), hash),
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations: withReplicaCounts(
        annotationsOfNew(deployment, undefined, revision),
        wanted(deployment),
        wanted(deployment) + fenceposts(deployment).maxSurge,
      ),
      ownerReferences: [controllerReference(deployment, resources.apps.v1.deployments)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: withEntry(selector?.matchLabels, templateHashLabel, hash) },
      template: labelled,
    },
  };
}
