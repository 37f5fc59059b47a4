import type { Scale } from '@coracle/api';
import { deepFreeze, type Frozen } from '@coracle/apimachinery';
import type { RestMapper } from '../discovery/rest-mapper.ts';
import { type GetOptions, type PatchOptions, patchContentTypes, type PatchType, type WriteOptions } from '../rest/options.ts';
import type { Request } from '../rest/request.ts';
import type { ObjectInput } from '../rest/resource-client.ts';
import type { RestClient } from '../rest/rest-client.ts';

/** What is scaled: `{ group: 'apps', resource: 'deployments' }`, or a custom resource with the subresource. */
export interface ScaledResource {
  readonly group: string;
  readonly resource: string;
}

/**
 * The subresource `scale` of anything that has one, built-in or custom, as autoscaling/v1 (client-go scale). The version of the resource
 * is the one that the server prefers.
 */
export class ScaleClient {
  readonly #rest: RestClient;
  readonly #mapper: Pick<RestMapper, 'handleForName'>;

  constructor(rest: RestClient, mapper: Pick<RestMapper, 'handleForName'>) {
    this.#rest = rest;
    this.#mapper = mapper;
  }

  /** `namespace` '' is the cluster scope. */
  async get(namespace: string, resource: ScaledResource, name: string, options: GetOptions = {}): Promise<Frozen<Scale>> {
    return scaleOf(await (await this.#at(this.#rest.get(), namespace, resource, name)).params(options).do());
  }

  /** `scale` as it was read, with another `spec.replicas`. */
  async update(namespace: string, resource: ScaledResource, scale: ObjectInput<Scale>, options: WriteOptions = {}): Promise<Frozen<Scale>> {
    const { name = '' } = (scale as Scale).metadata; // every form of it has metadata
    const body = deepFreeze({ kind: 'Scale', apiVersion: 'autoscaling/v1', ...scale } as unknown);
    return scaleOf(await (await this.#at(this.#rest.put(), namespace, resource, name)).params(options).body(body).do());
  }

  async patch(
    namespace: string,
    resource: ScaledResource,
    name: string,
    type: PatchType,
    patch: unknown,
    options: Omit<PatchOptions, 'subresource'> = {},
  ): Promise<Frozen<Scale>> {
    const request = (await this.#at(this.#rest.patch(), namespace, resource, name)).params(options);
    return scaleOf(await request.body(deepFreeze(patch), patchContentTypes[type]).do());
  }

  async #at(request: Request, namespace: string, resource: ScaledResource, name: string): Promise<Request> {
    const { group, version } = await this.#mapper.handleForName(
      resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`,
    );
    return request
      .groupVersion(group, version)
      .namespaceIfScoped(namespace, namespace !== '')
      .resource(resource.resource)
      .name(name)
      .subresource('scale');
  }
}

function scaleOf(object: Frozen<unknown>): Frozen<Scale> {
  const isScale = typeof object === 'object' && object !== null && 'kind' in object && object.kind === 'Scale';
  if (!isScale) throw new TypeError('received an object from a /scale endpoint which was not convertible to autoscaling Scale');
  return object as Frozen<Scale>;
}
