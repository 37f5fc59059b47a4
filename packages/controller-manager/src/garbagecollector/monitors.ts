import type { Frozen, KubeObject, Unstructured } from '@coracle/apimachinery';
import {
  type ApiResource,
  type Clientset,
  type Discovery,
  type HandlerRegistration,
  objectFromDeletion,
  type ResourceEventHandler,
  resourceHandle,
  type SharedIndexInformer as Informer,
  SharedIndexInformer,
  type SharedInformerFactory,
} from '@coracle/client';
import { firstAborted, type Process } from '@coracle/kernel';
import { preferredResources } from '../controller/preferred-resources.ts';

/** Where monitors report. */
export interface MonitorSink {
  observed(before: Frozen<KubeObject> | undefined, object: Frozen<KubeObject>): void;
  gone(object: Frozen<KubeObject>): void;
}

interface Monitor {
  readonly row: ApiResource;
  whenSynced(): Promise<void>;
  stop(): void;
}

/** Events own nothing, are owned by nothing, and come in numbers. */
const ignored: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

/** Resources whose objects may own or be owned, each in one version. */
export function monitoredResources(discovery: Discovery): readonly ApiResource[] {
  return preferredResources(discovery).filter(
    (row) => !ignored.has(`${row.group}/${row.resource}`) && ['delete', 'list', 'watch'].every((verb) => row.verbs.includes(verb)),
  );
}

/**
 * Follows every resource that the server has, custom ones included (graph_builder.go syncMonitors). Informers that other
 * controllers have are shared; of other objects only the metadata is kept.
 */
export class Monitors {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #informers: SharedInformerFactory;
  readonly #sink: MonitorSink;
  readonly #monitors = new Map<string, Monitor>();

  constructor(options: {
    readonly process: Process;
    readonly clientset: Clientset;
    readonly informers: SharedInformerFactory;
    readonly sink: MonitorSink;
  }) {
    this.#process = options.process;
    this.#clientset = options.clientset;
    this.#informers = options.informers;
    this.#sink = options.sink;
  }

  /** Starts and stops monitors. Groups that did not answer keep theirs. Resolves with whether anything changed. */
  sync(discovery: Discovery): boolean {
    const wanted = new Map(monitoredResources(discovery).map((row) => [keyOf(row), row] as const));
    const failed = new Set(discovery.failedGroups);
    let changed = false;
    for (const [key, { row, stop }] of this.#monitors) {
      if (wanted.has(key) || failed.has(`${row.group}/${row.version}`)) continue;
      stop();
      this.#monitors.delete(key);
      changed = true;
    }
    for (const [key, row] of wanted) {
      if (this.#monitors.has(key)) continue;
      this.#monitors.set(key, this.#start(row));
      changed = true;
    }
    return changed;
  }

  /** Every monitor has its first list. */
  async whenSynced(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map((monitor) => monitor.whenSynced()));
  }

  has(group: string, kind: string): boolean {
    return [...this.#monitors.values()].some(({ row }) => row.group === group && row.kind === kind);
  }

  stop(): void {
    for (const monitor of this.#monitors.values()) monitor.stop();
    this.#monitors.clear();
  }

  #start(row: ApiResource): Monitor {
    const handle = resourceHandle(row);
    const handler: ResourceEventHandler<Unstructured> = {
      onAdd: (object) => this.#sink.observed(undefined, object),
      onUpdate: (before, object) => this.#updated(before, object),
      onDelete: (deleted) => {
        const object = objectFromDeletion<Unstructured>(deleted);
        if (object !== undefined) this.#sink.gone(object);
      },
    };
    if (this.#informers.informers.has(keyOf(row))) {
      const shared = this.#informers.forResource(handle);
      const registration = shared.addEventHandler(handler);
      return { row, whenSynced: () => shared.whenSynced(), stop: () => registration.remove() };
    }
    return this.#startOwn(row, handler);
  }

  #startOwn(row: ApiResource, handler: ResourceEventHandler<Unstructured>): Monitor {
    const informer: Informer<Unstructured> = new SharedIndexInformer<Unstructured>({
      process: this.#process,
      name: `${row.group === '' ? row.resource : `${row.resource}.${row.group}`} metadata`,
      listWatch: this.#clientset.resource<Unstructured>(resourceHandle(row)),
      transform: metadataOnly,
    });
    const registration: HandlerRegistration = informer.addEventHandler(handler);
    const ended = new AbortController();
    this.#process.spawn(`monitor ${informer.name}`, async (signal) => {
      using either = firstAborted(signal, ended.signal);
      await informer.run(either.signal);
    });
    const stop = (): void => {
      registration.remove();
      ended.abort(new Error('The resource is not served any more'));
    };
    return { row, whenSynced: () => informer.whenSynced(), stop };
  }

  /** An object made anew under its name may come as an update. */
  #updated(before: Frozen<KubeObject>, object: Frozen<KubeObject>): void {
    if (before.metadata.uid === object.metadata.uid) {
      this.#sink.observed(before, object);
      return;
    }
    this.#sink.gone(before);
    this.#sink.observed(undefined, object);
  }
}

/** As the factory names its informers. */
function keyOf({ group, version, resource }: ApiResource): string {
  return `${resource}.${version}.${group}`;
}

function metadataOnly({ apiVersion, kind, metadata }: Frozen<Unstructured>): Frozen<Unstructured> {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } = metadata;
  const kept = { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences };
  const set = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return Object.freeze({
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    metadata: Object.freeze(set),
  });
}
