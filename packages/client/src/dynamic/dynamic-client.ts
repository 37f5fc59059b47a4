import type { GroupVersionResource, Unstructured } from '@coracle/apimachinery';
import { type ResourceClient, resourceClient } from '../rest/resource-client.ts';
import { type ClientOptions, RestClient } from '../rest/rest-client.ts';

/** Cluster-wide as it is; in one namespace by `namespace`. */
export interface DynamicResourceClient extends ResourceClient<Unstructured> {
  namespace(namespace: string): ResourceClient<Unstructured>;
}

/** Any resource, by name only (client-go dynamic.Interface). Integers beyond 2^53 are bigint. */
export class DynamicClient {
  readonly rest: RestClient;

  constructor(options: ClientOptions) {
    this.rest = new RestClient({ bigints: true, ...options });
  }

  resource(gvr: GroupVersionResource): DynamicResourceClient {
    // The kind is not known here: objects carry their own.
    const at = (namespace: string): ResourceClient<Unstructured> =>
      resourceClient<Unstructured>(this.rest, { ...gvr, kind: '', namespaced: namespace !== '' }, namespace);
    return { ...at(''), namespace: at };
  }
}
