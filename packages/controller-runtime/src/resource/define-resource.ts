import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceSubresourceScale,
  JSONSchemaProps,
} from '@coracle/api';
import type { ObjectMeta } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Schema } from './schema.ts';

/** An object of a resource that `defineResource` defines. A server fills in what a new one lacks. */
export interface CustomObject<Spec, Status> {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** A handle for clients, informers and controllers, with the definition that a cluster needs first. */
export interface DefinedResource<Spec, Status> extends ResourceHandle<CustomObject<Spec, Status>> {
  readonly crd: CustomResourceDefinition;
}

/** What a kind is: names, scope and the schemas of its parts (apiextensions/v1 CustomResourceDefinitionSpec). */
export interface ResourceDefinition<Spec, Status> {
  /** A DNS name of at least two parts. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Default: of the kind, as kubectl guesses it: `foos`, `policies`, `classes`. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default `Namespaced`. */
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly spec: Schema<Spec>;
  /** With it there is a subresource `status`, and only its writers change it. */
  readonly status?: Schema<Status>;
  readonly scale?: CustomResourceSubresourceScale;
  /** Columns of `kubectl get`, after the name. */
  readonly columns?: readonly CustomResourceColumnDefinition[];
  readonly description?: string;
}

/**
 * A custom resource from one value: its CRD, its handle and the type of its objects, with no code generator.
 *
 * @example
 * export const foos = defineResource({
 *   group: 'samplecontroller.k8s.io', version: 'v1alpha1', kind: 'Foo',
 *   spec: s.object({ deploymentName: s.string(), replicas: s.optional(s.integer({ minimum: 1 })) }),
 *   status: s.object({ availableReplicas: s.integer() }),
 * });
 * await admin.resource(customResourceDefinitions).create(foos.crd);
 */
export function defineResource<Spec, Status = never>(definition: ResourceDefinition<Spec, Status>): DefinedResource<Spec, Status> {
  const { group, version, kind, shortNames, categories, scope = 'Namespaced', spec, status, scale, columns, description } = definition;
  const resource = definition.plural ?? guessPlural(kind);
  const properties: Record<string, JSONSchemaProps> = {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    spec: spec.openApi,
    ...(status !== undefined && { status: status.openApi }),
  };
  const required = spec.optional === true ? [] : ['spec'];
  const subresources = { ...(status !== undefined && { status: {} }), ...(scale !== undefined && { scale }) };
  const crd: CustomResourceDefinition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource}.${group}` },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural: resource,
        singular: kind.toLowerCase(),
        ...(shortNames !== undefined && { shortNames }),
        ...(categories !== undefined && { categories }),
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              ...(description !== undefined && { description }),
              properties,
              ...(required.length > 0 && { required }),
            },
          },
          ...(Object.keys(subresources).length > 0 && { subresources }),
          ...(columns !== undefined && { additionalPrinterColumns: columns }),
        },
      ],
    },
  };
  return { group, version, resource, kind, namespaced: scope === 'Namespaced', crd };
}

/** As RESTMapper guesses a resource from a kind (apimachinery meta.UnsafeGuessKindToResource). */
function guessPlural(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith('endpoints')) return singular;
  if (singular.endsWith('s')) return `${singular}es`;
  if (singular.endsWith('y')) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}
