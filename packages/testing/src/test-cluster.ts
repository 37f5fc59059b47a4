import { type DeleteOptions, type Frozen, type KubeObject, readYamlDocuments } from '@coracle/apimachinery';
import { DiscoveryClient, NoMatchError, type PatchType, type ResourceClient, type ResourceHandle, RestMapper } from '@coracle/client';
import { type Component, createMissing, type ForkOptions, SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';

export interface TestClusterOptions extends Omit<SimulatedClusterOptions, 'onAuthorized'> {
  /** YAML of what is installed before the components run: definitions, roles, service accounts. */
  readonly manifests?: readonly string[];
  /** What is under test: controllers and operators, each under an identity of its own. */
  readonly components?: readonly Component[];
}

/** A request that was allowed. */
export interface AllowedRequest {
  readonly user: string;
  readonly verb: string;
  /** With subresource and without group: `foos/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * A whole cluster for one test: API server, built-in controllers, scheduler and nodes, with the controllers under test, in virtual
 * time. Nothing happens between two lines of a test; calls run what they need, `settle` runs the rest.
 *
 * ```ts
 * const cluster = await TestCluster.start({ manifests: [crd, rbac], components: [fooController], seed });
 * await cluster.apply(exampleFoo);
 * await cluster.settle();
 * assert.equal((await cluster.get(resources.apps.v1.deployments, 'example-foo')).status?.readyReplicas, 1);
 * ```
 */
export class TestCluster {
  readonly simulated: SimulatedCluster;
  readonly #options: TestClusterOptions;
  readonly #requests: AllowedRequest[];

  private constructor(simulated: SimulatedCluster, options: TestClusterOptions, requests: AllowedRequest[]) {
    this.simulated = simulated;
    this.#options = options;
    this.#requests = requests;
  }

  /** Comes back settled. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const { manifests = [], components = [], ...rest } = options;
    const requests: AllowedRequest[] = [];
    const simulated = await SimulatedCluster.start({ ...rest, onAuthorized: recordInto(requests) });
    const cluster = new TestCluster(simulated, options, requests);
    for (const yaml of manifests) await cluster.apply(yaml);
    for (const component of components) simulated.cluster.run(component);
    await cluster.settle();
    return cluster;
  }

  /** See SimulatedCluster.fork; the components under test start anew there. Comes back settled. */
  async fork(options: ForkOptions = {}): Promise<TestCluster> {
    const requests: AllowedRequest[] = [];
    const simulated = await this.simulated.fork({ ...options, onAuthorized: recordInto(requests) });
    for (const component of this.#options.components ?? []) simulated.cluster.run(component);
    const fork = new TestCluster(simulated, this.#options, requests);
    await fork.settle();
    return fork;
  }

  /**
   * Creates the objects of a YAML text, in order, and leaves alone what is there. An object whose definition is in the text is
   * created once that is served. Throws NoMatchError for a kind that is not served even then.
   */
  async apply(yaml: string): Promise<void> {
    const { admin } = this.simulated;
    const mapper = new RestMapper(new DiscoveryClient(admin.rest));
    for (const document of readYamlDocuments(yaml)) {
      const object = document as KubeObject; // the server refuses what is none
      try {
        await this.simulated.drive(createMissing(admin, mapper, object));
      } catch (error) {
        if (!(error instanceof NoMatchError)) throw error;
        await this.settle();
        await this.simulated.drive(createMissing(admin, mapper, object));
      }
    }
  }

  /** As the administrator, in namespace `default` where the resource is namespaced and no other is given. */
  client<T extends KubeObject>(handle: ResourceHandle<T>, namespace = 'default'): ResourceClient<T> {
    return this.simulated.admin.resource(handle, handle.namespaced ? namespace : '');
  }

  create<T extends KubeObject>(
    handle: ResourceHandle<T>,
    object: Parameters<ResourceClient<T>['create']>[0],
    namespace?: string,
  ): Promise<Frozen<T>> {
    return this.simulated.drive(this.client(handle, namespace).create(object));
  }

  get<T extends KubeObject>(handle: ResourceHandle<T>, name: string, namespace?: string): Promise<Frozen<T>> {
    return this.simulated.drive(this.client(handle, namespace).get(name));
  }

  async list<T extends KubeObject>(handle: ResourceHandle<T>, namespace?: string): Promise<readonly Frozen<T>[]> {
    return (await this.simulated.drive(this.client(handle, namespace).list())).items;
  }

  patch<T extends KubeObject>(
    handle: ResourceHandle<T>,
    name: string,
    patch: unknown,
    options: { readonly namespace?: string; readonly type?: PatchType } = {},
  ): Promise<Frozen<T>> {
    return this.simulated.drive(this.client(handle, options.namespace).patch(name, options.type ?? 'merge', patch));
  }

  /** Resolves when the server has answered; what holds the object may do so longer. */
  async delete(
    handle: ResourceHandle<KubeObject>,
    name: string,
    options: DeleteOptions & { readonly namespace?: string } = {},
  ): Promise<void> {
    const { namespace, ...rest } = options;
    await this.simulated.drive(this.client(handle, namespace).delete(name, rest));
  }

  /** Runs until there is nothing left to do; resolves with the number of steps that it took. */
  async settle(): Promise<number> {
    return (await this.simulated.settle()).steps;
  }

  /** Moves the virtual clock. */
  async advance(ms: number): Promise<void> {
    await this.simulated.advance(ms);
  }

  /** What was asked for and allowed since the start, by `user` where one is given, in order. */
  requests(user?: string): readonly AllowedRequest[] {
    return user === undefined ? [...this.#requests] : this.#requests.filter((request) => request.user === user);
  }
}

function recordInto(requests: AllowedRequest[]): NonNullable<SimulatedClusterOptions['onAuthorized']> {
  return ({ user, verb, ...rest }) => {
    if (!rest.resourceRequest) return;
    const { resource, subresource, namespace, name } = rest;
    requests.push({ user: user.name, verb, resource: subresource === '' ? resource : `${resource}/${subresource}`, namespace, name });
  };
}
