import type { CustomResourceDefinition, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '@coracle/api';
import { isNotFound, type KubeObject } from '@coracle/apimachinery';
import { type Clientset, type ResourceHandle, resources } from '@coracle/client';
import type { Paths } from './webhooks.ts';
import { betaWebsites, websites } from './websites.ts';

/** How API servers come to the webhooks. */
export interface Reach {
  /** Where API servers find the webhooks: `https://10.0.0.7:9443`. */
  readonly url: string;
  /** Who signed the server's certificate, PEM. */
  readonly authority: string;
  readonly paths: Paths;
}

const { group, resource, kind } = websites;
const name = `${resource}.${group}`;

/** What tells API servers of the kind and of its webhooks. */
export function configurationOf({ url, authority, paths }: Reach): {
  readonly crd: CustomResourceDefinition;
  readonly mutating: MutatingWebhookConfiguration;
  readonly validating: ValidatingWebhookConfiguration;
} {
  const at = (path: string): { url: string; caBundle: string } => ({
    url: `${url}${path}`,
    caBundle: Buffer.from(authority).toString('base64'),
  });
  const webhook = (path: string, operations: readonly string[]) => ({
    name,
    clientConfig: at(path),
    // v1beta1 as well: servers convert before they ask.
    rules: [{ apiGroups: [group], apiVersions: [websites.version], resources: [resource], operations, scope: 'Namespaced' }],
    matchPolicy: 'Equivalent',
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 5,
  });
  const version = (of: string, spec: Readonly<Record<string, object>>, required: string) => ({
    name: of,
    served: true,
    storage: of === websites.version,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: spec, required: [required] } } } },
  });
  return {
    crd: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, plural: resource, singular: 'website', listKind: `${kind}List` },
        versions: [
          version(
            websites.version,
            { host: { type: 'string' }, scheme: { type: 'string', enum: ['http', 'https'] }, pages: { type: 'integer' } },
            'host',
          ),
          version(betaWebsites.version, { address: { type: 'string' }, pages: { type: 'integer' } }, 'address'),
        ],
        conversion: { strategy: 'Webhook', webhook: { clientConfig: at(paths.convert), conversionReviewVersions: ['v1'] } },
      },
    },
    mutating: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name },
      webhooks: [webhook(paths.mutate, ['CREATE', 'UPDATE'])],
    },
    validating: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [webhook(paths.validate, ['CREATE', 'UPDATE', 'DELETE'])],
    },
  };
}

/** Makes the cluster know them, or know them anew. */
export async function install(clientset: Clientset, reach: Reach): Promise<void> {
  const { crd, mutating, validating } = configurationOf(reach);
  await put(clientset, resources.apiextensions.v1.customResourceDefinitions, crd);
  await put(clientset, resources.admissionregistration.v1.mutatingWebhookConfigurations, mutating);
  await put(clientset, resources.admissionregistration.v1.validatingWebhookConfigurations, validating);
}

async function put<T extends KubeObject>(clientset: Clientset, handle: ResourceHandle<T>, object: T): Promise<void> {
  const client = clientset.resource(handle);
  try {
    const { metadata } = await client.get(object.metadata.name ?? '');
    await client.update({
      ...object,
      metadata: { ...object.metadata, resourceVersion: (metadata as KubeObject['metadata']).resourceVersion },
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await client.create(object);
  }
}
