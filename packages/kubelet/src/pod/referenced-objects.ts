import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { type Clientset, resources } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { ClaimedVolumes } from './claimed-volumes.ts';
import { FollowedObjects } from './followed-objects.ts';
import { ConfigError, type PodObjects } from './pod-objects.ts';
import { PodTokens } from './pod-tokens.ts';

export interface ReferencedObjectsOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** Something that these pods (uids) refer to has come, changed or gone. Must be quick. */
  readonly onChange: (pods: readonly string[]) => void;
}

/** The objects that the pods of a node refer to, each fetched in the way that a node is allowed to. */
export class ReferencedObjects {
  readonly #followed: FollowedObjects;
  readonly #volumes: ClaimedVolumes;
  readonly #tokens: PodTokens;

  constructor({ process, clientset, onChange }: ReferencedObjectsOptions) {
    const onAnswer = (uid: string): void => onChange([uid]);
    this.#followed = new FollowedObjects({ process, clientset, onChange });
    this.#volumes = new ClaimedVolumes({ process, clientset, onAnswer });
    this.#tokens = new PodTokens({ process, clientset, onChange: onAnswer });
  }

  /** What is known for a pod; asking for something begins to fetch it. */
  of(pod: Frozen<Pod>): PodObjects {
    const { namespace = '', uid = '' } = pod.metadata;
    let isPending = false;
    const known = <T>({ object, isKnown }: { readonly object: T; readonly isKnown: boolean }): T => {
      if (!isKnown) isPending = true;
      return object;
    };
    return {
      get isPending() {
        return isPending;
      },
      configMap: (name) => known(this.#followed.get(resources.core.v1.configMaps, { namespace, name, uid })),
      secret: (name) => known(this.#followed.get(resources.core.v1.secrets, { namespace, name, uid })),
      claimedVolume: (claim) => {
        const answer = this.#volumes.of(pod, claim);
        return known({ object: answer, isKnown: answer !== undefined });
      },
      token: (audience, expirationSeconds) => {
        const { token, refusal } = this.#tokens.of(pod, audience, expirationSeconds);
        if (refusal !== undefined) throw new ConfigError(`failed to fetch token: ${refusal}`);
        return known({ object: token, isKnown: token !== undefined });
      },
    };
  }

  /** A try to mount the pod's volumes is over: the next one asks for its claims anew. */
  forgetClaims(uid: string): void {
    this.#volumes.forget(uid);
  }

  /** The pod refers to nothing any more. */
  forget(uid: string): void {
    this.#followed.forget(uid);
    this.#volumes.forget(uid);
    this.#tokens.forget(uid);
  }

  /** Ends all watches; resolves when nothing is being asked any more. */
  async shutdown(): Promise<void> {
    await Promise.all([this.#followed.shutdown(), this.#volumes.shutdown(), this.#tokens.shutdown()]);
  }
}
