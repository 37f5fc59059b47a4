import {
  deepFreeze,
  newAlreadyExists,
  newBadRequest,
  newConflict,
  newInvalid,
  newNotFound,
  newServerTimeout,
  semanticEqual,
  type Unstructured,
  writeJsonBytes,
} from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import type { Admission } from '../admission/admission.ts';
import { resourceVersionOffset } from '../storage/splice.ts';
import type { Key, NewValue, Stored } from '../storage/storage.ts';
import type { ApiObject, ObjectChange, RequestContext, ResourceDefinition, ResourceRegistry, Strategy } from './definition.ts';
import { type DeleteOptions, markForDeletion } from './deletion.ts';
import { metadataForCreate, metadataForUpdate, nextGeneration } from './metadata.ts';
import { validateObject, validateObjectUpdate } from './validate-metadata.ts';

/** Name collisions of generated names before the client is told to try again (upstream: 8 attempts). */
const maxGenerateAttempts = 8;

/** Outcome of a delete: `stored` is the last state; `gone` says whether it left the store or only got marked. */
export interface Deleted {
  readonly stored: Stored | undefined;
  readonly object: ApiObject;
  readonly gone: boolean;
}

export interface UpdateOptions {
  /** Rules in place of the resource's own: those of a subresource such as status. */
  readonly strategy?: Strategy;
  readonly subresource?: string;
  /** The revision that the client's object was read at; undefined: whatever is there. */
  readonly expect?: string | undefined;
}

/** What is stored, or would be (dry run). */
export type Written = { readonly object: ApiObject; readonly stored: Stored | undefined; readonly created: boolean };

/**
 * Create, update and delete of one kind's objects (k8s.io/apiserver pkg/registry/generic/registry/store.go): the one write
 * path of built-in and custom resources. Reads live in `reader.ts`.
 */
export class GenericRegistry implements ResourceRegistry {
  readonly definition: ResourceDefinition;
  readonly #admission: Admission;

  constructor(definition: ResourceDefinition, admission: Admission) {
    this.definition = definition;
    this.#admission = admission;
  }

  /** Key of one object. Names were checked before; a `/` in one would address another object. */
  key(namespace: string, name: string): Key {
    const { storage, namespaced } = this.definition;
    return namespaced ? `${storage.prefix}${namespace}/${name}` : storage.prefix + name;
  }

  /** Prefix of a namespace's objects, or of all when `namespace` is ''. */
  prefix(namespace: string): Key {
    const { storage, namespaced } = this.definition;
    return namespaced && namespace !== '' ? `${storage.prefix}${namespace}/` : storage.prefix;
  }

  async get(context: RequestContext, name: string): Promise<ApiObject> {
    return this.#served((await this.#read(context, name)).object);
  }

  async create(context: RequestContext, sent: Unstructured): Promise<Written> {
    const { definition } = this;
    if (sent.metadata.resourceVersion !== undefined && sent.metadata.resourceVersion !== '') {
      throw newBadRequest('resourceVersion should not be set on objects to be created');
    }
    const generates = (sent.metadata.name ?? '') === '' && (sent.metadata.generateName ?? '') !== '';
    for (let attempt = 1; ; attempt++) {
      const metadata = metadataForCreate(definition, sent.metadata, context);
      const written = await this.#createOnce(context, { ...sent, metadata });
      if (written !== undefined) return written;
      if (!generates) throw newAlreadyExists(definition, metadata.name ?? '');
      if (attempt === maxGenerateAttempts) throw newServerTimeout(definition, 'create', 1);
    }
  }

  /** PUT: replaces the object. Creates it where the kind allows that. */
  async replace(context: RequestContext, name: string, sent: Unstructured, options: UpdateOptions = {}): Promise<Written> {
    const strategy = options.strategy ?? this.definition.strategy;
    const expect = sent.metadata.resourceVersion === '' ? undefined : sent.metadata.resourceVersion;
    if (expect === undefined && strategy.allowUnconditionalUpdate !== true) {
      const detail = 'must be specified for an update';
      throw newInvalid(this.definition, name, [{ type: 'Invalid', field: 'metadata.resourceVersion', badValue: 0, detail }]);
    }
    if (strategy.allowCreateOnUpdate === true) {
      const { stored } = await context.storage.get(this.key(context.namespace, name));
      if (stored === undefined) return this.create(context, sent);
    }
    return this.change(context, name, () => sent, { ...options, expect });
  }

  async update(
    context: RequestContext,
    name: string,
    change: (current: ApiObject) => Unstructured | ApiObject,
    options: { readonly strategy?: Strategy } = {},
  ): Promise<ApiObject> {
    return (await this.change(context, name, change, options)).object;
  }

  /**
   * Reads, changes, and swaps when nobody was faster; else reads again. With `expect` the object must be at that revision,
   * and a faster writer is a conflict. A change that changes nothing writes nothing.
   */
  async change(
    context: RequestContext,
    name: string,
    change: (current: ApiObject) => Unstructured | ApiObject,
    options: UpdateOptions = {},
  ): Promise<Written> {
    for (;;) {
      const current = await this.#read(context, name);
      const old = this.#served(current.object);
      const sent = change(old);
      const expect = options.expect ?? sentResourceVersion(sent, old);
      if (expect !== undefined && expect !== String(current.revision)) throw this.#conflict(name);
      if (sent.metadata.uid !== undefined && sent.metadata.uid !== '' && sent.metadata.uid !== old.metadata.uid) {
        throw this.#uidConflict(name, sent.metadata.uid, old.metadata.uid);
      }
      const written = await this.#updateOnce(context, { current, old, sent, options });
      if (written !== undefined) return written;
      if (expect !== undefined) throw this.#conflict(name);
    }
  }

  async delete(context: RequestContext, name: string, options: DeleteOptions): Promise<Deleted> {
    for (;;) {
      const current = await this.#read(context, name);
      const deleted = await this.#deleteOnce(context, name, current, options);
      if (deleted !== undefined) return deleted;
    }
  }

  async #createOnce(context: RequestContext, sent: Unstructured): Promise<Written | undefined> {
    const { definition } = this;
    const name = sent.metadata.name ?? '';
    const admissionRequest = { operation: 'CREATE', definition, subresource: '', name, old: undefined, context } as const;
    const defaulted = this.#default(sent);
    const admitted = this.#default(await this.#admission.admit({ ...admissionRequest, object: deepFreeze(defaulted) }));
    let object = deepFreeze(definition.strategy.prepareForCreate?.(deepFreeze(admitted), context) ?? admitted);
    const key = this.key(context.namespace, object.metadata.name ?? '');
    const errors = validateObject(definition, object, context);
    if (errors.length > 0) throw newInvalid(definition, name, errors);
    for (const warning of definition.strategy.warnings?.(object, undefined) ?? []) context.warn(warning);
    await this.#admission.validate({ ...admissionRequest, object });
    if (context.dryRun) {
      const { stored } = await context.storage.get(key);
      return stored === undefined ? { object, stored: undefined, created: true } : undefined;
    }
    const begun = await this.#begin({ operation: 'create', object, old: undefined }, context);
    object = begun.object ?? object;
    const result = await this.#commit(context, key, 'absent', this.#encode(object), begun.revert);
    if (!result.succeeded) return undefined;
    await begun.finish();
    return { object: this.#served(result.stored.object), stored: result.stored, created: true };
  }

  async #updateOnce(
    context: RequestContext,
    update: { readonly current: Stored; readonly old: ApiObject; readonly sent: Unstructured | ApiObject; readonly options: UpdateOptions },
  ): Promise<Written | undefined> {
    const { definition } = this;
    const { current, old, sent, options } = update;
    const strategy = options.strategy ?? definition.strategy;
    const name = old.metadata.name ?? '';
    const metadata = metadataForUpdate({ ...sent.metadata, name: sent.metadata.name ?? name }, old.metadata);
    const prepared = this.#prepareUpdate({ ...sent, metadata }, old, strategy, context);
    const admissionRequest = { operation: 'UPDATE', definition, subresource: options.subresource ?? '', name, old, context } as const;
    const admitted = await this.#admission.admit({ ...admissionRequest, object: prepared });
    const again = admitted === prepared ? prepared : this.#prepareUpdate(admitted, old, strategy, context);
    let object = deepFreeze(nextGeneration(definition, again, old, semanticEqual));
    const errors = validateObjectUpdate(strategy, object, old, context);
    if (errors.length > 0) throw newInvalid(definition, name, errors);
    for (const warning of strategy.warnings?.(object, old) ?? []) context.warn(warning);
    await this.#admission.validate({ ...admissionRequest, object });
    if (isLastFinalizerGone(definition, object)) return this.#finishDeletion(context, current, object);
    if (sameButRevision(object, old)) return { object: old, stored: current, created: false };
    if (context.dryRun) return { object: this.#at(object, current.revision), stored: undefined, created: false };
    const begun = await this.#begin({ operation: 'update', object, old }, context);
    object = begun.object ?? object;
    const result = await this.#commit(context, current.key, current.revision, this.#encode(object), begun.revert);
    if (!result.succeeded) return undefined;
    await begun.finish();
    return { object: this.#served(result.stored.object), stored: result.stored, created: false };
  }

  #prepareUpdate(sent: Unstructured | ApiObject, old: ApiObject, strategy: Strategy, context: RequestContext): ApiObject {
    const defaulted = deepFreeze(this.#default(sent));
    return deepFreeze(strategy.prepareForUpdate?.(defaulted, old, context) ?? defaulted);
  }

  /** An update that takes the last finalizer off a marked object deletes it. */
  async #finishDeletion(context: RequestContext, current: Stored, object: ApiObject): Promise<Written | undefined> {
    if (context.dryRun) return { object, stored: undefined, created: false };
    const begun = await this.#begin({ operation: 'delete', object: undefined, old: object }, context);
    const result = await this.#commit(context, current.key, current.revision, 'deleted', begun.revert);
    if (!result.succeeded) return undefined;
    await begun.finish();
    return { object: this.#at(object, current.revision), stored: undefined, created: false };
  }

  async #deleteOnce(
    context: RequestContext,
    name: string,
    current: Stored,
    options: DeleteOptions,
  ): Promise<Deleted | undefined> {
    const { definition } = this;
    const old = this.#served(current.object);
    this.#assertPreconditions(name, old, options);
    const request = { operation: 'DELETE', definition, subresource: '', name, object: undefined, old, context } as const;
    await this.#admission.validate(request);
    const marked = markForDeletion(definition, old, options, context.clock.now());
    if (marked === 'already') return { stored: current, object: old, gone: false };
    if (marked !== 'now') {
      if (context.dryRun) return { stored: undefined, object: marked, gone: false };
      const result = await this.#commit(context, current.key, current.revision, this.#encode(deepFreeze(marked)));
      if (!result.succeeded) return undefined;
      return { stored: result.stored, object: this.#served(result.stored.object), gone: false };
    }
    if (context.dryRun) return { stored: undefined, object: old, gone: true };
    const begun = await this.#begin({ operation: 'delete', object: undefined, old }, context);
    const result = await this.#commit(context, current.key, current.revision, 'deleted', begun.revert);
    if (!result.succeeded) return undefined;
    await begun.finish();
    return { stored: undefined, object: this.#at(old, result.revision), gone: true };
  }

  #assertPreconditions(name: string, old: ApiObject, { preconditions }: DeleteOptions): void {
    const { uid, resourceVersion } = preconditions ?? {};
    const { definition } = this;
    if (uid !== undefined && uid !== old.metadata.uid) {
      throw newConflict(
        definition,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      throw newConflict(
        definition,
        name,
        `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${old.metadata.resourceVersion ?? ''}`,
      );
    }
  }

  async #read(context: RequestContext, name: string): Promise<Stored> {
    const { stored } = await context.storage.get(this.key(context.namespace, name));
    if (stored === undefined) throw newNotFound(this.definition, name);
    return stored;
  }

  async #begin(
    change: ObjectChange,
    context: RequestContext,
  ): Promise<{ readonly object?: ApiObject; finish(): Promise<void>; revert(): Promise<void> }> {
    return (await this.definition.strategy.begin?.(change, context)) ?? nothingBegun;
  }

  async #commit(
    context: RequestContext,
    key: Key,
    expect: Revision | 'absent',
    value: NewValue | 'deleted',
    revert?: () => Promise<void>,
  ): Promise<Awaited<ReturnType<typeof context.storage.commit>>> {
    try {
      const result = await context.storage.commit({ key, expect, value });
      if (!result.succeeded) await revert?.();
      return result;
    } catch (error) {
      await revert?.();
      throw error;
    }
  }

  #encode(object: ApiObject): NewValue {
    const stored = this.definition.convert === undefined ? object : deepFreeze(this.definition.convert.toStorage(object));
    const { resourceVersion: _rv, ...metadata } = stored.metadata;
    const plain = deepFreeze({ ...stored, metadata });
    const bytes = writeJsonBytes(plain);
    return { bytes, rvOffset: resourceVersionOffset(bytes), object: plain };
  }

  #served(object: ApiObject): ApiObject {
    return this.definition.convert === undefined ? object : this.definition.convert.fromStorage(object);
  }

  #at(object: ApiObject, revision: Revision): ApiObject {
    return deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
  }

  #default(object: Unstructured | ApiObject): Unstructured {
    // Defaulting builds a new object where it changes something, so a frozen one may go in.
    return this.definition.default?.(object as Unstructured) ?? (object as Unstructured);
  }

  #conflict(name: string): Error {
    return newConflict(
      this.definition,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }

  #uidConflict(name: string, sent: string, stored: string | undefined): Error {
    return newConflict(
      this.definition,
      name,
      `Precondition failed: UID in precondition: ${sent}, UID in object meta: ${stored ?? ''}`,
    );
  }
}

const nothingBegun = { finish: async () => {}, revert: async () => {} };

/** The client's own resourceVersion, when what it sends names one (a patch may). */
function sentResourceVersion(sent: Unstructured | ApiObject, old: ApiObject): string | undefined {
  const { resourceVersion } = sent.metadata;
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === old.metadata.resourceVersion) return undefined;
  return resourceVersion;
}

function isLastFinalizerGone({ strategy }: ResourceDefinition, object: ApiObject): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0 || strategy.isHeld?.(object) === true) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function sameButRevision(object: ApiObject, old: ApiObject): boolean {
  const { resourceVersion: _rv, ...metadata } = old.metadata;
  return semanticEqual(object, { ...old, metadata });
}

