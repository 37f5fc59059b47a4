import { deepFreeze, type Frozen, getOwn, type Unstructured } from '@coracle/apimachinery';

type Json = Readonly<Record<string, unknown>>;

/**
 * Upstream keeps CustomResourceDefinitions as `apiextensions.k8s.io/v1beta1`, which no server serves any more: this makes them v1
 * (apiextensions-apiserver pkg/apis/apiextensions/v1beta1/conversion.go). There what all versions share is said once for all.
 */
export function crdFromV1beta1(object: Frozen<Unstructured>): Frozen<Unstructured> {
  const spec = objectOf(object['spec']);
  const { version, versions, validation, subresources, additionalPrinterColumns, conversion, preserveUnknownFields, ...rest } = spec;
  const shared = { validation, subresources, additionalPrinterColumns };
  const listed = Array.isArray(versions) && versions.length > 0 ? versions.map(objectOf) : [{ name: version, served: true, storage: true }];
  return deepFreeze({
    ...object,
    apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      ...rest,
      // On unless it is switched off; in v1 the other way round.
      ...(preserveUnknownFields === false ? {} : { preserveUnknownFields: true }),
      versions: listed.map((each) => versionFrom(each, shared)),
      ...(conversion === undefined ? {} : { conversion: conversionFrom(objectOf(conversion)) }),
    },
  } as Unstructured); // what it was before, but for its version
}

function versionFrom(version: Json, shared: Json): Json {
  const { schema, subresources, additionalPrinterColumns, ...rest } = version;
  const columns = additionalPrinterColumns ?? shared['additionalPrinterColumns'];
  const found = { schema: schema ?? shared['validation'], subresources: subresources ?? shared['subresources'] };
  return {
    ...rest,
    ...(found.schema === undefined ? {} : { schema: found.schema }),
    ...(found.subresources === undefined ? {} : { subresources: found.subresources }),
    ...(Array.isArray(columns) ? { additionalPrinterColumns: columns.map(objectOf).map(columnFrom) } : {}),
  };
}

function columnFrom({ JSONPath, ...column }: Json): Json {
  return { ...column, jsonPath: JSONPath };
}

function conversionFrom({ webhookClientConfig, conversionReviewVersions, ...rest }: Json): Json {
  if (webhookClientConfig === undefined && conversionReviewVersions === undefined) return rest;
  return {
    ...rest,
    webhook: {
      ...(webhookClientConfig === undefined ? {} : { clientConfig: webhookClientConfig }),
      conversionReviewVersions: conversionReviewVersions ?? [],
    },
  };
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function isCrdV1beta1(object: Frozen<Unstructured>): boolean {
  return getOwn(object, 'kind') === 'CustomResourceDefinition' && getOwn(object, 'apiVersion') === 'apiextensions.k8s.io/v1beta1';
}
