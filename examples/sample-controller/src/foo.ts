import type { KubeObject } from '@coracle/apimachinery';
import { type ResourceHandle, resourceHandle } from '@coracle/client';

/** A Foo is fulfilled by one Deployment (pkg/apis/samplecontroller/v1alpha1/types.go). */
export interface Foo extends KubeObject {
  readonly spec?: { readonly deploymentName?: string; readonly replicas?: number };
  readonly status?: { readonly availableReplicas?: number };
}

export const foos: ResourceHandle<Foo> = resourceHandle<Foo>({
  group: 'samplecontroller.k8s.io',
  version: 'v1alpha1',
  resource: 'foos',
  kind: 'Foo',
  namespaced: true,
});
