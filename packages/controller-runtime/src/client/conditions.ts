import type { CustomResourceDefinition, Deployment, Ingress, Job, Pod, Service } from '@coracle/api';
import type { Frozen, KubeObject } from '@coracle/apimachinery';

/** What an object is waited to be; it is undefined where there is none (kube-rs runtime wait::Condition). See `awaitCondition`. */
export type Condition<T> = (object: Frozen<T> | undefined) => boolean;

/** It is there. */
export function isCreated(object: unknown): boolean {
  return object !== undefined;
}

/** The object of this uid is gone; another one of its name may be there. */
export function isDeleted(uid: string): Condition<KubeObject> {
  return (object) => object?.metadata.uid !== uid;
}

/** Its objects can be made. Discovery may tell of them a little later. */
export function isCrdEstablished(crd: Frozen<CustomResourceDefinition> | undefined): boolean {
  return hasCondition(crd?.status?.conditions, 'Established');
}

/** Its containers were started. They need not be ready, and may fail. */
export function isPodRunning(pod: Frozen<Pod> | undefined): boolean {
  return pod?.status?.phase === 'Running';
}

/** It has succeeded. A Job that has failed never does. */
export function isJobCompleted(job: Frozen<Job> | undefined): boolean {
  return hasCondition(job?.status?.conditions, 'Complete');
}

/**
 * Its newest template is what runs, all of it. Unlike kube-rs, not while the controller has not looked at the newest spec: the condition
 * is of an older one then.
 */
export function isDeploymentCompleted(deployment: Frozen<Deployment> | undefined): boolean {
  const { conditions, observedGeneration = 0 } = deployment?.status ?? {};
  return observedGeneration >= (deployment?.metadata.generation ?? 0) && hasCondition(conditions, 'Progressing', 'NewReplicaSetAvailable');
}

/** Its load balancer has an address; so has, for this matter, a Service that wants none. */
export function isServiceLoadBalancerProvisioned(service: Frozen<Service> | undefined): boolean {
  if (service?.spec === undefined) return false;
  return service.spec.type !== 'LoadBalancer' || hasAddresses(service.status?.loadBalancer?.ingress);
}

/** Its load balancer has an address. */
export function isIngressProvisioned(ingress: Frozen<Ingress> | undefined): boolean {
  return hasAddresses(ingress?.status?.loadBalancer?.ingress);
}

interface StatusCondition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
}

function hasCondition(conditions: readonly StatusCondition[] | undefined, type: string, reason?: string): boolean {
  return (
    conditions?.some((each) => each.type === type && each.status === 'True' && (reason === undefined || each.reason === reason)) ?? false
  );
}

/** Unlike kube-rs, an empty list is none: nobody could be reached there. */
function hasAddresses(ingress: readonly { readonly ip?: string; readonly hostname?: string }[] = []): boolean {
  return ingress.length > 0 && ingress.every(({ ip, hostname }) => ip !== undefined || hostname !== undefined);
}
