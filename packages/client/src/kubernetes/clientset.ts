import type { KubeObject } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { type ResourceClient, resourceClient } from '../rest/resource-client.ts';
import { type ClientOptions, RestClient } from '../rest/rest-client.ts';
import type { ObjectOf, ResourceHandle } from './resource-handle.ts';
import { resources } from './resources.ts';

/** The resources of one group and version: `clientset.appsV1.deployments('default')`. Without namespace: all, or cluster scope. */
export type GroupClient<Handles> = { readonly [K in keyof Handles]: (namespace?: string) => ResourceClient<ObjectOf<Handles[K]>> };

type Groups = typeof resources;

/** Typed access to every built-in resource, and by handle to any other (client-go kubernetes.Clientset). */
export class Clientset {
  readonly rest: RestClient;
  readonly process: Process;
  /** By its handles; made when it is first asked for, since most clients use one or two of them. */
  readonly #groups = new Map<object, object>();

  constructor(options: ClientOptions) {
    this.process = options.process;
    this.rest = new RestClient(options);
  }

  get coreV1(): GroupClient<Groups['core']['v1']> {
    return this.#group(resources.core.v1);
  }

  get appsV1(): GroupClient<Groups['apps']['v1']> {
    return this.#group(resources.apps.v1);
  }

  get batchV1(): GroupClient<Groups['batch']['v1']> {
    return this.#group(resources.batch.v1);
  }

  get rbacV1(): GroupClient<Groups['rbac']['v1']> {
    return this.#group(resources.rbac.v1);
  }

  get storageV1(): GroupClient<Groups['storage']['v1']> {
    return this.#group(resources.storage.v1);
  }

  get discoveryV1(): GroupClient<Groups['discovery']['v1']> {
    return this.#group(resources.discovery.v1);
  }

  get coordinationV1(): GroupClient<Groups['coordination']['v1']> {
    return this.#group(resources.coordination.v1);
  }

  get eventsV1(): GroupClient<Groups['events']['v1']> {
    return this.#group(resources.events.v1);
  }

  get policyV1(): GroupClient<Groups['policy']['v1']> {
    return this.#group(resources.policy.v1);
  }

  get networkingV1(): GroupClient<Groups['networking']['v1']> {
    return this.#group(resources.networking.v1);
  }

  get schedulingV1(): GroupClient<Groups['scheduling']['v1']> {
    return this.#group(resources.scheduling.v1);
  }

  get nodeV1(): GroupClient<Groups['node']['v1']> {
    return this.#group(resources.node.v1);
  }

  get autoscalingV1(): GroupClient<Groups['autoscaling']['v1']> {
    return this.#group(resources.autoscaling.v1);
  }

  get autoscalingV2(): GroupClient<Groups['autoscaling']['v2']> {
    return this.#group(resources.autoscaling.v2);
  }

  get authenticationV1(): GroupClient<Groups['authentication']['v1']> {
    return this.#group(resources.authentication.v1);
  }

  get authorizationV1(): GroupClient<Groups['authorization']['v1']> {
    return this.#group(resources.authorization.v1);
  }

  get certificatesV1(): GroupClient<Groups['certificates']['v1']> {
    return this.#group(resources.certificates.v1);
  }

  get admissionregistrationV1(): GroupClient<Groups['admissionregistration']['v1']> {
    return this.#group(resources.admissionregistration.v1);
  }

  get apiextensionsV1(): GroupClient<Groups['apiextensions']['v1']> {
    return this.#group(resources.apiextensions.v1);
  }

  get apiregistrationV1(): GroupClient<Groups['apiregistration']['v1']> {
    return this.#group(resources.apiregistration.v1);
  }

  get flowcontrolV1(): GroupClient<Groups['flowcontrol']['v1']> {
    return this.#group(resources.flowcontrol.v1);
  }

  get resourceV1(): GroupClient<Groups['resource']['v1']> {
    return this.#group(resources.resource.v1);
  }

  get storagemigrationV1(): GroupClient<Groups['storagemigration']['v1']> {
    return this.#group(resources.storagemigration.v1);
  }

  /** `namespace` '' or absent: cluster scope, or all namespaces for reading. */
  resource<T extends KubeObject>(handle: ResourceHandle<T>, namespace = ''): ResourceClient<T> {
    return resourceClient(this.rest, handle, namespace);
  }

  #group<Handles extends Readonly<Record<string, ResourceHandle<KubeObject>>>>(handles: Handles): GroupClient<Handles> {
    const made = this.#groups.get(handles) ?? groupClient(this.rest, handles);
    this.#groups.set(handles, made);
    return made as GroupClient<Handles>; // it was made of these
  }
}

function groupClient<Handles extends Readonly<Record<string, ResourceHandle<KubeObject>>>>(
  rest: RestClient,
  handles: Handles,
): GroupClient<Handles> {
  const entries = Object.entries(handles).map(
    ([name, handle]) => [name, (namespace = '') => resourceClient(rest, handle, namespace)] as const,
  );
  return Object.fromEntries(entries) as GroupClient<Handles>; // the same names as `handles` has
}
