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
  readonly coreV1: GroupClient<Groups['core']['v1']>;
  readonly appsV1: GroupClient<Groups['apps']['v1']>;
  readonly batchV1: GroupClient<Groups['batch']['v1']>;
  readonly rbacV1: GroupClient<Groups['rbac']['v1']>;
  readonly storageV1: GroupClient<Groups['storage']['v1']>;
  readonly discoveryV1: GroupClient<Groups['discovery']['v1']>;
  readonly coordinationV1: GroupClient<Groups['coordination']['v1']>;
  readonly eventsV1: GroupClient<Groups['events']['v1']>;
  readonly policyV1: GroupClient<Groups['policy']['v1']>;
  readonly networkingV1: GroupClient<Groups['networking']['v1']>;
  readonly schedulingV1: GroupClient<Groups['scheduling']['v1']>;
  readonly nodeV1: GroupClient<Groups['node']['v1']>;
  readonly autoscalingV1: GroupClient<Groups['autoscaling']['v1']>;
  readonly autoscalingV2: GroupClient<Groups['autoscaling']['v2']>;
  readonly authenticationV1: GroupClient<Groups['authentication']['v1']>;
  readonly authorizationV1: GroupClient<Groups['authorization']['v1']>;
  readonly certificatesV1: GroupClient<Groups['certificates']['v1']>;
  readonly admissionregistrationV1: GroupClient<Groups['admissionregistration']['v1']>;
  readonly apiextensionsV1: GroupClient<Groups['apiextensions']['v1']>;
  readonly apiregistrationV1: GroupClient<Groups['apiregistration']['v1']>;
  readonly flowcontrolV1: GroupClient<Groups['flowcontrol']['v1']>;
  readonly resourceV1: GroupClient<Groups['resource']['v1']>;
  readonly storagemigrationV1: GroupClient<Groups['storagemigration']['v1']>;

  constructor(options: ClientOptions) {
    this.process = options.process;
    this.rest = new RestClient(options);
    this.coreV1 = groupClient(this.rest, resources.core.v1);
    this.appsV1 = groupClient(this.rest, resources.apps.v1);
    this.batchV1 = groupClient(this.rest, resources.batch.v1);
    this.rbacV1 = groupClient(this.rest, resources.rbac.v1);
    this.storageV1 = groupClient(this.rest, resources.storage.v1);
    this.discoveryV1 = groupClient(this.rest, resources.discovery.v1);
    this.coordinationV1 = groupClient(this.rest, resources.coordination.v1);
    this.eventsV1 = groupClient(this.rest, resources.events.v1);
    this.policyV1 = groupClient(this.rest, resources.policy.v1);
    this.networkingV1 = groupClient(this.rest, resources.networking.v1);
    this.schedulingV1 = groupClient(this.rest, resources.scheduling.v1);
    this.nodeV1 = groupClient(this.rest, resources.node.v1);
    this.autoscalingV1 = groupClient(this.rest, resources.autoscaling.v1);
    this.autoscalingV2 = groupClient(this.rest, resources.autoscaling.v2);
    this.authenticationV1 = groupClient(this.rest, resources.authentication.v1);
    this.authorizationV1 = groupClient(this.rest, resources.authorization.v1);
    this.certificatesV1 = groupClient(this.rest, resources.certificates.v1);
    this.admissionregistrationV1 = groupClient(this.rest, resources.admissionregistration.v1);
    this.apiextensionsV1 = groupClient(this.rest, resources.apiextensions.v1);
    this.apiregistrationV1 = groupClient(this.rest, resources.apiregistration.v1);
    this.flowcontrolV1 = groupClient(this.rest, resources.flowcontrol.v1);
    this.resourceV1 = groupClient(this.rest, resources.resource.v1);
    this.storagemigrationV1 = groupClient(this.rest, resources.storagemigration.v1);
  }

  /** `namespace` '' or absent: cluster scope, or all namespaces for reading. */
  resource<T extends KubeObject>(handle: ResourceHandle<T>, namespace = ''): ResourceClient<T> {
    return resourceClient(this.rest, handle, namespace);
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
