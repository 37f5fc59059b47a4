import type { CustomResourceDefinition, TypeTable } from '@coracle/api';
import { type Frozen, isNotFound, semanticEqual } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { serverUser } from '../authentication/user.ts';
import { definitionsOf } from '../crd/custom-resource.ts';
import { cleanupFinalizer as cleanup, establish, isEstablished, terminating } from '../crd/establish.ts';
import type { ApiObject, RequestContext, Strategy } from '../registry/definition.ts';
import type { GenericRegistry } from '../registry/generic-registry.ts';
import { followPrefix } from '../storage/follow-prefix.ts';
import type { Key, StorageChange, Stored } from '../storage/storage.ts';
import type { Revision } from '@coracle/etcd';
import type { ApiServer } from './api-server.ts';

type Crd = Frozen<CustomResourceDefinition>;

const group = 'apiextensions.k8s.io';
/** The server's own writes judge nothing: what they write follows from what was checked. */
const own: Strategy = { allowUnconditionalUpdate: true, anyFinalizer: true, validateUpdate: () => [] };

/**
 * Serves custom resources: gives each CustomResourceDefinition its status, adds its versions to what the server serves, and
 * takes its objects away when it is deleted (apiextensions-apiserver: the naming, establishing and finalizing controllers).
 */
export class CustomResources {
  readonly #server: ApiServer;
  readonly #process: Process;
  readonly #table: TypeTable;
  /** What is served of a definition, by its name. */
  readonly #served = new Map<
    string,
    { readonly crd: Crd; readonly rows: readonly { readonly group: string; readonly version: string; readonly resource: string }[] }
  >();
  readonly #prefix = `/registry/${group}/customresourcedefinitions/`;
  /** Watches of the objects of definitions that cannot go before them, by name. */
  readonly #held = new Map<string, Disposable>();
  #watch: Disposable | undefined;

  constructor(options: { readonly server: ApiServer; readonly table: TypeTable }) {
    this.#server = options.server;
    this.#process = options.server.process;
    this.#table = options.table;
  }

  /** Serves what is there and follows it from then on. */
  async start(): Promise<void> {
    this.#watch = await followPrefix({
      storage: this.#server.storage,
      process: this.#process,
      prefix: this.#prefix,
      changed: (key, current) => this.#changed(key, current),
    });
  }

  stop(): void {
    this.#watch?.[Symbol.dispose]();
    for (const held of this.#held.values()) held[Symbol.dispose]();
    this.#held.clear();
  }

  /** Within the commit: what became served or ceased to be counts at once, what has to be written follows in a step of its own. */
  #changed(key: Key, current: Stored | undefined): void {
    const name = key.slice(this.#prefix.length);
    const crd = current?.object as unknown as Crd | undefined; // kept under this prefix
    if (crd === undefined) this.#cease(name);
    else {
      if (isEstablished(crd)) this.#serve(crd);
      this.#schedule(name);
    }
  }

  #schedule(name: string): void {
    this.#process.post({ lane: 'customresourcedefinitions', op: 'sync', key: name }, () => {
      this.#process.spawn(`custom resource ${name}`, () => this.#sync(name));
    });
  }

  async #sync(name: string): Promise<void> {
    const registry = this.#server.resources.registry(group, 'v1', 'customresourcedefinitions');
    try {
      const { stored } = await this.#server.storage.get(this.#prefix + name);
      if (registry === undefined || stored === undefined) return;
      const crd = stored.object as unknown as Crd; // kept under this prefix
      if (crd.metadata.deletionTimestamp !== undefined) await this.#finalize(registry, crd);
      else await this.#judge(registry, crd);
    } catch (error) {
      if (isNotFound(error)) return; // it went away meanwhile
      this.#process.log.error('Cannot bring a CustomResourceDefinition up to date', {
        name,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async #judge(registry: GenericRegistry, crd: Crd): Promise<void> {
    const others = (await this.#server.storage.list(this.#prefix)).items.map(({ object }) => object as unknown as Crd); // kept under this prefix
    const nowMs = this.#process.clock.now();
    await registry.update(
      this.#context(),
      crd.metadata.name ?? '',
      (current) => {
        const status = establish(current as unknown as Crd, others, nowMs); // what is stored under the prefix is of this kind
        return semanticEqual(status, current['status']) ? current : ({ ...current, status } as ApiObject); // still the definition
      },
      { strategy: own },
    );
  }

  /** Finalizers of others hold some objects: looks again when one has gone. */
  #whenOneIsGone(prefix: string, after: Revision, name: string): void {
    this.#held.get(name)?.[Symbol.dispose]();
    const again = (): void => {
      this.#held.get(name)?.[Symbol.dispose]();
      this.#held.delete(name);
      this.#schedule(name);
    };
    const changes = (batch: readonly StorageChange[]): void => {
      if (batch.some(({ current }) => current === undefined)) again();
    };
    this.#held.set(name, this.#server.storage.watch(prefix, after, { changes, ended: again }));
  }

  /** Deletes the objects, then lets the definition go. */
  async #finalize(registry: GenericRegistry, crd: Crd): Promise<void> {
    const name = crd.metadata.name ?? '';
    if (!(crd.metadata.finalizers ?? []).includes(cleanup)) return;
    const nowMs = this.#process.clock.now();
    const markEnding = (current: ApiObject): ApiObject => {
      const status = terminating(current as unknown as Crd, nowMs); // what is stored under the prefix is of this kind
      return { ...current, status } as ApiObject; // still the definition
    };
    await registry.update(this.#context(), name, markEnding, { strategy: own });
    const objects = this.#server.resources.ofGroupResource(crd.spec.group, crd.spec.names.plural);
    if (objects !== undefined) {
      const { items } = await this.#server.storage.list(objects.definition.storage.prefix);
      for (const { object } of items) {
        try {
          await objects.delete(this.#context(object.metadata.namespace), object.metadata.name ?? '', {});
        } catch (error) {
          if (!isNotFound(error)) throw error; // somebody else was faster
        }
      }
      const left = await this.#server.storage.list(objects.definition.storage.prefix, { limit: 1 });
      if (left.items.length > 0) {
        this.#whenOneIsGone(objects.definition.storage.prefix, left.revision, name);
        return;
      }
    }
    await registry.update(
      this.#context(),
      name,
      (current) => ({
        ...current,
        metadata: { ...current.metadata, finalizers: (current.metadata.finalizers ?? []).filter((one) => one !== cleanup) },
      }),
      { strategy: own },
    );
  }

  #serve(crd: Crd): void {
    const name = crd.metadata.name ?? '';
    const before = this.#served.get(name);
    if (before !== undefined && before.crd.metadata.generation === crd.metadata.generation && semanticEqual(before.crd.spec, crd.spec))
      return;
    const definitions = definitionsOf(crd, { table: this.#table });
    for (const row of before?.rows ?? [])
      if (!definitions.some(({ version }) => version === row.version)) this.#server.resources.remove(row);
    for (const definition of definitions) this.#server.resources.add(definition);
    this.#served.set(name, { crd, rows: definitions.map(({ group: of, version, resource }) => ({ group: of, version, resource })) });
  }

  #cease(name: string): void {
    for (const row of this.#served.get(name)?.rows ?? []) this.#server.resources.remove(row);
    this.#served.delete(name);
  }

  #context(namespace = ''): RequestContext {
    return this.#server.contextFor(serverUser, namespace);
  }
}
