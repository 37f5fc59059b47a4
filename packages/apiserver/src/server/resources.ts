import type { Frozen } from '@coracle/apimachinery';
import { type Admission, admitCreate } from '../admission/admission.ts';
import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';
import { GenericRegistry } from '../registry/generic-registry.ts';

/** A resource of which nothing is stored: a question that is answered (reviews), or something done (bindings). */
export interface ActionDefinition {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly singular: string;
  readonly namespaced: boolean;
  /** POST: `body` is the decoded object. The answer has status 201. */
  create(body: Readonly<Record<string, unknown>>, context: RequestContext): Promise<Frozen<unknown>>;
}

/** What the server serves under /api and /apis. Custom resources come and go; everything else asks here. */
export class Resources {
  readonly #admission: Admission;
  readonly #registries = new Map<string, GenericRegistry>();
  /** The same by the name of the resource, which few groups and versions share: every request looks for one. */
  readonly #byResource = new Map<string, readonly GenericRegistry[]>();
  readonly #actions = new Map<string, ActionDefinition>();
  /** Counts changes: what is derived from the definitions (discovery, OpenAPI) is made anew when it moves. */
  #generation = 0;

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  get generation(): number {
    return this.#generation;
  }

  get definitions(): readonly ResourceDefinition[] {
    return [...this.#registries.values()].map(({ definition }) => definition);
  }

  get actions(): readonly ActionDefinition[] {
    return [...this.#actions.values()];
  }

  /** Adds, or replaces what was served under the same group, version and name. */
  add(definition: ResourceDefinition): GenericRegistry {
    const registry = new GenericRegistry(definition, this.#admission);
    this.#registries.set(keyOf(definition), registry);
    this.#byResource.set(definition.resource, [...this.#othersOf(definition), registry]);
    this.#generation++;
    return registry;
  }

  remove(row: Pick<ResourceDefinition, 'group' | 'version' | 'resource'>): void {
    if (!this.#registries.delete(keyOf(row))) return;
    const others = this.#othersOf(row);
    if (others.length === 0) this.#byResource.delete(row.resource);
    else this.#byResource.set(row.resource, others);
    this.#generation++;
  }

  #othersOf({ group, version, resource }: Pick<ResourceDefinition, 'group' | 'version' | 'resource'>): readonly GenericRegistry[] {
    const all = this.#byResource.get(resource) ?? [];
    return all.filter(({ definition }) => definition.group !== group || definition.version !== version);
  }

  addAction(action: ActionDefinition): void {
    this.#actions.set(keyOf(action), action);
    this.#generation++;
  }

  registry(group: string, version: string, resource: string): GenericRegistry | undefined {
    for (const registry of this.#byResource.get(resource) ?? none) {
      const { definition } = registry;
      if (definition.group === group && definition.version === version) return registry;
    }
    return undefined;
  }

  /** Asks admission before something is done that the body names. */
  async admitAction(action: ActionDefinition, object: ApiObject, context: RequestContext): Promise<ApiObject> {
    return admitCreate(this.#admission, { definition: action, subresource: '', name: object.metadata?.name ?? '', object, context });
  }

  action(group: string, version: string, resource: string): ActionDefinition | undefined {
    return this.#actions.get(keyOf({ group, version, resource }));
  }

  /** Any served version of a kind's resource: for what reads objects in the storage version. */
  ofGroupResource(group: string, resource: string): GenericRegistry | undefined {
    for (const registry of this.#registries.values()) {
      if (registry.definition.group === group && registry.definition.resource === resource) return registry;
    }
    return undefined;
  }

  /** Whether the group has kinds of its own, which come with the server. */
  hasBuiltInGroup(group: string): boolean {
    return this.definitions.some((one) => one.group === group && !one.typedItems) || this.actions.some((one) => one.group === group);
  }

  hasGroup(group: string): boolean {
    return this.definitions.some((one) => one.group === group) || this.actions.some((one) => one.group === group);
  }
}

const none: readonly never[] = [];

function keyOf({ group, version, resource }: Pick<ResourceDefinition, 'group' | 'version' | 'resource'>): string {
  return `${group}/${version}/${resource}`;
}
