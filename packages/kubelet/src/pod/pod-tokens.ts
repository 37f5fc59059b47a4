import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import type { Process, Task } from '@coracle/kernel';

export interface PodTokensOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** A token of a pod (uid) has come, was refused, or is to be renewed. */
  readonly onChange: (pod: string) => void;
}

/** What is known of a token: neither is there while it is being asked for. */
export interface PodToken {
  readonly token: string | undefined;
  readonly refusal: string | undefined;
}

interface Known extends PodToken {
  readonly isFetching: boolean;
  /** Asked for anew after this; the timer tells the pod. */
  readonly renewAtMs: number;
  readonly timer: Disposable | undefined;
}

const retryMs = 10_000;
/** Also one that lasts longer is renewed after this. */
const longestUseMs = 86_400_000;

/** Tokens for the ServiceAccounts of a node's pods, bound to the pod, renewed in time (pkg/kubelet/token/token_manager.go). */
export class PodTokens {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #onChange: PodTokensOptions['onChange'];
  readonly #known = new Map<string, Known>();
  readonly #tasks = new Set<Task>();

  constructor({ process, clientset, onChange }: PodTokensOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#onChange = onChange;
  }

  /** What is known now; a request is begun when it is time. */
  of(pod: Frozen<Pod>, audience: string, expirationSeconds: number): PodToken {
    const { uid = '', namespace = '', name = '' } = pod.metadata;
    const key = `${uid} ${expirationSeconds} ${audience}`;
    const known = this.#known.get(key) ?? { token: undefined, refusal: undefined, isFetching: false, renewAtMs: 0, timer: undefined };
    if (known.isFetching || this.#process.clock.now() < known.renewAtMs) return known;
    const fetching = { ...known, isFetching: true };
    this.#known.set(key, fetching);
    const task = this.#process.spawn(`token ${audience} of ${namespace}/${name}`, async () => {
      try {
        const fetched = await this.#request(pod, audience, expirationSeconds);
        if (this.#known.get(key) !== fetching) return; // forgotten meanwhile
        const inMs = fetched.renewAtMs - this.#process.clock.now();
        const timer = this.#process.clock.timer(inMs, () => this.#onChange(uid), { background: true });
        this.#known.set(key, { ...fetched, timer });
        this.#onChange(uid);
      } finally {
        this.#tasks.delete(task);
      }
    });
    this.#tasks.add(task);
    return fetching;
  }

  /** The pod needs no token any more. */
  forget(uid: string): void {
    for (const [key, { timer }] of this.#known) {
      if (!key.startsWith(`${uid} `)) continue;
      timer?.[Symbol.dispose]();
      this.#known.delete(key);
    }
  }

  /** Resolves when nothing is being asked any more. */
  async shutdown(): Promise<void> {
    await Promise.all([...this.#tasks].map((task) => task.done));
  }

  async #request(pod: Frozen<Pod>, audience: string, expirationSeconds: number): Promise<Omit<Known, 'timer'>> {
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
      const useMs = Math.min(longestUseMs, expirationSeconds * 800); // four fifths of its time
      return { token: status?.token ?? '', refusal: undefined, isFetching: false, renewAtMs: nowMs + useMs };
    } catch (error) {
      const refusal = error instanceof Error ? error.message : String(error);
      return { token: undefined, refusal, isFetching: false, renewAtMs: nowMs + retryMs };
    }
  }
}
