import type { ControllerRevision, PodTemplateSpec, StatefulSet } from '@coracle/api';
import { controllerOf, controllerReference, type Frozen, isAlreadyExists, labelMatcher } from '@coracle/apimachinery';
import { type Clientset, defaultRetry, resources, retryOnConflict, type SharedIndexInformer } from '@coracle/client';
import { controlledBy, orphansIn } from '../controller/pods.ts';
import { inOrder, isSameData, newControllerRevision, revisionsToDelete, revisionStep } from '../history/controller-revisions.ts';
import type { Revision } from './plan.ts';

const handle = resources.apps.v1.statefulSets;

/** The two revisions that the pods of a set may have. */
export interface SetRevisions {
  readonly current: Revision;
  readonly update: Revision;
  readonly collisionCount: number;
  readonly all: readonly ControllerRevision[];
}

/** What a revision of a set holds: a strategic merge patch that puts its template in place of the set's. */
export function revisionData(set: StatefulSet): unknown {
  return { spec: { template: { ...set.spec.template, $patch: 'replace' } } };
}

/** The template of a revision that `revisionData` made. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { spec } = revision.data as { readonly spec: { readonly template: PodTemplateSpec & { readonly $patch?: string } } }; // ours: the selector and the owner say so
  const { $patch: _, ...template } = spec.template;
  return template;
}

/** Reads and writes the history of templates of StatefulSets. */
export class StatefulSetRevisions {
  readonly #clientset: Clientset;
  readonly #revisions: SharedIndexInformer<ControllerRevision>;

  constructor(clientset: Clientset, revisions: SharedIndexInformer<ControllerRevision>) {
    this.#clientset = clientset;
    this.#revisions = revisions;
  }

  /** Those of the set and, selected by it, those of nobody; in order. */
  list(set: Frozen<StatefulSet>): readonly Frozen<ControllerRevision>[] {
    const matcher = labelMatcher(set.spec.selector);
    const all = [...controlledBy(this.#revisions, set), ...orphansIn(this.#revisions, set.metadata.namespace ?? '')];
    return inOrder(all.filter(({ metadata }) => matcher.matches(metadata.labels))) as readonly Frozen<ControllerRevision>[]; // the same objects
  }

  async adopt(set: Frozen<StatefulSet>): Promise<void> {
    const orphans = this.list(set).filter((revision) => controllerOf(revision) === undefined);
    if (orphans.length === 0) return;
    const { namespace = '', name = '' } = set.metadata;
    const live = await this.#clientset.appsV1.statefulSets(namespace).get(name);
    if (live.metadata.uid !== set.metadata.uid)
      throw new Error(`original StatefulSet ${namespace}/${name} is gone: got uid ${live.metadata.uid}, wanted ${set.metadata.uid}`);
    if (live.metadata.deletionTimestamp !== undefined) return;
    for (const orphan of orphans) {
      const patch = { metadata: { uid: orphan.metadata.uid, ownerReferences: [controllerReference(set, handle)] } };
      await this.#clientset.appsV1.controllerRevisions(namespace).patch(orphan.metadata.name ?? '', 'strategic', patch);
    }
  }

  /** Makes sure that the set's template is the newest revision. */
  async sync(set: Frozen<StatefulSet>): Promise<SetRevisions> {
    const all = this.list(set);
    const step = revisionStep(all, revisionData(set));
    let collisionCount = set.status?.collisionCount ?? 0;
    let update: ControllerRevision;
    switch (step.do) {
      case 'keep':
        update = step.revision;
        break;
      case 'renumber':
        update = await this.#renumber(step.revision, step.to);
        break;
      case 'create':
        ({ update, collisionCount } = await this.#create(set, step.number, collisionCount));
        break;
    }
    const current = all.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
    return { current: named(current), update: named(update), collisionCount, all };
  }

  async truncate(set: Frozen<StatefulSet>, { all, current, update }: SetRevisions, podRevisions: Iterable<string>): Promise<void> {
    const inUse = new Set([current.name, update.name, ...podRevisions]);
    for (const { metadata } of revisionsToDelete(all, inUse, set.spec.revisionHistoryLimit ?? 10)) {
      await this.#clientset.appsV1.controllerRevisions(metadata.namespace).delete(metadata.name ?? '');
    }
  }

  #renumber(revision: ControllerRevision, to: number): Promise<ControllerRevision> {
    const client = this.#clientset.appsV1.controllerRevisions(revision.metadata.namespace);
    return retryOnConflict(this.#clientset.process, defaultRetry, async () => {
      const live = await client.get(revision.metadata.name ?? '');
      return live.revision === to ? live : client.update({ ...live, revision: to });
    });
  }

  /** A name that other data has taken is a collision of hashes: the count of them goes into the next one. */
  async #create(
    set: Frozen<StatefulSet>,
    revision: number,
    counted: number,
  ): Promise<{ readonly update: ControllerRevision; readonly collisionCount: number }> {
    const client = this.#clientset.appsV1.controllerRevisions(set.metadata.namespace);
    const draft = {
      owner: set,
      reference: controllerReference(set, handle),
      labels: set.spec.template.metadata?.labels,
      data: revisionData(set),
      revision,
    };
    for (let collisionCount = counted; ; collisionCount++) {
      const wanted = newControllerRevision({ ...draft, collisionCount });
      try {
        return { update: await client.create(wanted), collisionCount };
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        const present = await client.get(wanted.metadata.name ?? '');
        if (isSameData(present.data, wanted.data)) return { update: present, collisionCount };
      }
    }
  }
}

function named(revision: ControllerRevision): Revision {
  return { name: revision.metadata.name ?? '', template: templateOf(revision) };
}
