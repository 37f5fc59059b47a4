import { controllerReference, type Frozen, type KubeObject, type LabelSelector } from '@coracle/apimachinery';
import { type ResourceHandle, resourceHandle } from '@coracle/client';
import { type Foo, foos } from './foo.ts';

/** The part of an apps/v1 Deployment that this controller reads and writes. */
export interface Deployment extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly selector: LabelSelector; readonly template: PodTemplate };
  readonly status?: { readonly availableReplicas?: number };
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

export const deployments: ResourceHandle<Deployment> = resourceHandle<Deployment>({
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
});

/** The Deployment of a Foo, which manages it: when the Foo goes, the garbage collector takes the Deployment along. */
export function newDeployment(foo: Frozen<Foo>): Deployment {
  const { name = '', namespace = '' } = foo.metadata;
  const labels = { app: 'nginx', controller: name };
  const replicas = foo.spec?.replicas;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: foo.spec?.deploymentName ?? '', namespace, ownerReferences: [controllerReference(foo, foos)] },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx:latest' }] } },
    },
  };
}
