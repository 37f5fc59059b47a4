import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret } from '@coracle/api';
import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { type Clientset, type ResourceHandle, resources, SharedIndexInformer } from '@coracle/client';
import { firstAborted, type Process, type Task, untilAborted } from '@coracle/kernel';
import { ConfigError, type PodObjects } from './pod-objects.ts';

export interface ReferencedObjectsOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** An object that these pods (uids) refer to has come, changed or gone. Must be quick. */
  readonly onChange: (pods: readonly string[]) => void;
}

interface Followed {
  readonly informer: SharedIndexInformer<KubeObject>;
  readonly pods: Set<string>;
  readonly stop: AbortController;
}

interface Token {
  readonly token: string | undefined;
  readonly refusal: string | undefined;
  readonly isFetching: boolean;
  /** Asked for anew after this; the timer tells the pod. */
  readonly renewAtMs: number;
  readonly timer: Disposable | undefined;
}

const retryTokenMs = 10_000;

/**
 * The objects that the pods of a node refer to: each is watched by its name, for a kubelet may not list them all, and as long
 * as a pod refers to it (pkg/kubelet/util/manager/watch_based_manager.go).
 */
export class ReferencedObjects {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #onChange: ReferencedObjectsOptions['onChange'];
  readonly #followed = new Map<string, Followed>();
  readonly #tokens = new Map<string, Token>();
  readonly #tasks = new Set<Task>();

  constructor({ process, clientset, onChange }: ReferencedObjectsOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#onChange = onChange;
  }

  /** What is known for a pod; asking for an object begins to follow it. */
  of(pod: Frozen<Pod>): PodObjects {
    const { namespace = '', uid = '' } = pod.metadata;
    let isPending = false;
    const get = <T extends KubeObject>(handle: ResourceHandle<T>, name: string): Frozen<T> | undefined => {
      const { informer } = this.#follow(handle, handle.namespaced ? namespace : '', name, uid);
      if (!informer.hasSynced()) isPending = true;
      return informer.indexer.list()[0] as Frozen<T> | undefined; // the key of #follow names the resource
    };
    return {
      get isPending() {
        return isPending;
      },
      configMap: (name) => get<ConfigMap>(resources.core.v1.configMaps, name),
      secret: (name) => get<Secret>(resources.core.v1.secrets, name),
      claim: (name) => get<PersistentVolumeClaim>(resources.core.v1.persistentVolumeClaims, name),
      persistentVolume: (name) => get<PersistentVolume>(resources.core.v1.persistentVolumes, name),
      token: (audience, expirationSeconds) => {
        const { token, refusal } = this.#token(pod, audience, expirationSeconds);
        if (refusal !== undefined) throw new ConfigError(`failed to fetch token: ${refusal}`);
        if (token === undefined) isPending = true;
        return token;
      },
    };
  }

  /** The pod refers to nothing any more. */
  forget(uid: string): void {
    for (const [key, { pods, stop }] of this.#followed) {
      if (!pods.delete(uid) || pods.size > 0) continue;
      this.#followed.delete(key);
      stop.abort(new Error('Nobody refers to the object any more'));
    }
    for (const [key, { timer }] of this.#tokens) {
      if (!key.startsWith(`${uid} `)) continue;
      timer?.[Symbol.dispose]();
      this.#tokens.delete(key);
    }
  }

  /** Ends all watches. */
  async shutdown(): Promise<void> {
    for (const { stop } of this.#followed.values()) stop.abort(new Error('The kubelet ends'));
    this.#followed.clear();
    await Promise.all([...this.#tasks].map((task) => task.done));
  }

  #follow<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string, name: string, uid: string): Followed {
    const key = `${handle.resource}/${namespace}/${name}`;
    const known = this.#followed.get(key);
    if (known !== undefined) {
      known.pods.add(uid);
      return known;
    }
    const client = this.#clientset.resource<KubeObject>(handle, namespace);
    const fieldSelector = `metadata.name=${name}`;
    const informer = new SharedIndexInformer<KubeObject>({
      process: this.#process,
      name: key,
      listWatch: {
        list: (options) => client.list({ ...options, fieldSelector }),
        watch: (options, io) => client.watch({ ...options, fieldSelector }, io),
      },
    });
    const followed: Followed = { informer, pods: new Set([uid]), stop: new AbortController() };
    this.#followed.set(key, followed);
    const changed = (): void => this.#onChange([...followed.pods]);
    informer.addEventHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    this.#spawn(`follow ${key}`, async (signal) => {
      using either = firstAborted(signal, followed.stop.signal);
      this.#spawn(`first list of ${key}`, async () => {
        await Promise.race([informer.whenSynced(), untilAborted(either.signal)]);
        changed(); // also when there is no such object
      });
      await informer.run(either.signal);
    });
    return followed;
  }

  /** What is known now; a fetch is begun when it is time. */
  #token(pod: Frozen<Pod>, audience: string, expirationSeconds: number): Token {
    const { uid = '' } = pod.metadata;
    const key = `${uid} ${audience}`;
    const known = this.#tokens.get(key) ?? { token: undefined, refusal: undefined, isFetching: false, renewAtMs: 0, timer: undefined };
    const nowMs = this.#process.clock.now();
    if (known.isFetching || nowMs < known.renewAtMs) return known;
    const fetching = { ...known, isFetching: true };
    this.#tokens.set(key, fetching);
    this.#spawn(`token ${audience} of ${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`, async () => {
      const fetched = await this.#requestToken(pod, audience, expirationSeconds);
      if (this.#tokens.get(key) !== fetching) return; // forgotten meanwhile
      const inMs = fetched.renewAtMs - this.#process.clock.now();
      const timer = this.#process.clock.timer(inMs, () => this.#onChange([uid]), { background: true });
      this.#tokens.set(key, { ...fetched, timer });
      this.#onChange([uid]);
    });
    return fetching;
  }

  async #requestToken(pod: Frozen<Pod>, audience: string, expirationSeconds: number): Promise<Omit<Token, 'timer'>> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
      },
    };
    const nowMs = this.#process.clock.now();
    try {
      const account = pod.spec.serviceAccountName ?? 'default';
      const client = this.#clientset.coreV1
        .serviceAccounts(namespace)
        .subresource<{ readonly status?: { readonly token?: string } }>(account, 'token');
      const { status } = await client.create(request);
      // Renewed when four fifths of its time are over (pkg/kubelet/token/token_manager.go).
      return { token: status?.token ?? '', refusal: undefined, isFetching: false, renewAtMs: nowMs + expirationSeconds * 800 };
    } catch (error) {
      return {
        token: undefined,
        refusal: error instanceof Error ? error.message : String(error),
        isFetching: false,
        renewAtMs: nowMs + retryTokenMs,
      };
    }
  }

  #spawn(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    const task = this.#process.spawn(name, async (signal) => {
      try {
        await run(signal);
      } finally {
        this.#tasks.delete(task);
      }
    });
    this.#tasks.add(task);
  }
}
