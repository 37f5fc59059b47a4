import {
  deepFreeze,
  goQuote,
  newAlreadyExists,
  newConflict,
  newInvalid,
  newNotFound,
  newServerTimeout,
  newStatusError,
  parseGroupVersion,
  type Unstructured,
  wireEqual,
  writeJsonBytes,
} from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import { type Admission, admissionChain, admitCreate } from '../admission/admission.ts';
import { resourceVersionOffset } from '../storage/splice.ts';
import type { Key, NewValue, Stored } from '../storage/storage.ts';
import type { ApiObject, ObjectChange, RequestContext, ResourceDefinition, ResourceRegistry, Strategy } from './definition.ts';
import { type DeleteOptions, planDeletion } from './deletion.ts';
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
  /** Admission is not asked: it judged the request of which this is the effect. */
  readonly isAdmitted?: true;
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

  /** What refusals call the kind: as it is stored, whatever group it is served in. */
  get #internalKind(): { readonly group: string; readonly kind: string } {
    const { kind, storage } = this.definition;
    return { group: parseGroupVersion(storage.apiVersion).group, kind };
  }

  /** Key of one object. Names were checked before; a `/` in one would address another object. */
  key(namespace: string, name: string): Key {
    return objectKey(this.definition, namespace, name);
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
    const { resourceVersion = '' } = sent.metadata;
    // What is no number is dropped like everything else that only the server writes.
    if (/^[1-9]\d*$/.test(resourceVersion)) throw newStatusError(500, '', 'resourceVersion should not be set on objects to be created');
    const generates = (sent.metadata.name ?? '') === '' && (sent.metadata.generateName ?? '') !== '';
    for (let attempt = 1; ; attempt++) {
      const metadata = metadataForCreate(definition, sent.metadata, context);
      const written = await this.#createOnce(context, { ...sent, metadata });
      if (written !== undefined) return written;
      if (!generates) throw await this.#alreadyExists(context, metadata.name ?? '');
      if (attempt === maxGenerateAttempts) throw newServerTimeout(definition, 'create', 1);
    }
  }

  /** PUT: replaces the object. Creates it where the kind allows that. */
  async replace(context: RequestContext, name: string, sent: Unstructured, options: UpdateOptions = {}): Promise<Written> {
    const strategy = options.strategy ?? this.definition.strategy;
    const { uid = '' } = sent.metadata;
    if (strategy.allowCreateOnUpdate === true) {
      const { stored } = await context.storage.get(this.key(context.namespace, name));
      if (stored === undefined) {
        if (uid !== '') throw this.#uidConflict(context.namespace, name, uid, '');
        return this.create(context, sent);
      }
    }
    return this.change(
      context,
      name,
      (old) => {
        if (uid !== '' && uid !== old.metadata.uid) throw this.#uidConflict(context.namespace, name, uid, old.metadata.uid ?? '');
        return sent;
      },
      options,
    );
  }

  async update(
    context: RequestContext,
    name: string,
    change: (current: ApiObject) => Unstructured | ApiObject,
    options: Pick<UpdateOptions, 'strategy' | 'isAdmitted'> = {},
  ): Promise<ApiObject> {
    return (await this.change(context, name, change, options)).object;
  }

  /**
   * Reads, changes, and swaps when nobody was faster; else reads again. When what is sent names a resourceVersion the object
   * must be at that revision, and a faster writer is a conflict. A change that changes nothing writes nothing.
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
      const expect = revisionOfSent(sent);
      if (expect === 'any' && (options.strategy ?? this.definition.strategy).allowUnconditionalUpdate !== true)
        throw this.#versionRequired(name);
      if (expect !== 'any' && expect !== current.revision) throw this.#conflict(name);
      const written = await this.#updateOnce(context, { current, old, sent, options });
      if (written !== undefined) return written;
    }
  }

  async delete(context: RequestContext, name: string, options: DeleteOptions): Promise<Deleted> {
    const { propagationWarning } = this.definition.strategy;
    if (propagationWarning !== undefined && options.propagationPolicy === undefined && options.orphanDependents === undefined)
      context.warn(propagationWarning);
    for (;;) {
      const current = await this.#read(context, name);
      const deleted = await this.#deleteOnce(context, name, current, options);
      if (deleted !== undefined) return deleted;
    }
  }

  /** Asks admission about what is created below an object (apiserver pkg/endpoints/handlers/create.go, named creaters). */
  async admitCreate(
    context: RequestContext,
    created: { readonly subresource: string; readonly name: string; readonly object: ApiObject },
  ): Promise<ApiObject> {
    return admitCreate(this.#admission, { definition: this.definition, context, ...created });
  }

  async #createOnce(context: RequestContext, sent: Unstructured): Promise<Written | undefined> {
    const { definition } = this;
    const name = sent.metadata.name ?? '';
    const admissionRequest = { operation: 'CREATE', definition, subresource: '', name, old: undefined, context } as const;
    const defaulted = deepFreeze(this.#default(sent));
    const mutated = await this.#admission.admit({ ...admissionRequest, object: defaulted });
    const admitted = mutated === defaulted ? defaulted : deepFreeze(this.#default(mutated)); // defaulting is idempotent
    let object = deepFreeze(definition.strategy.prepareForCreate?.(admitted, context) ?? admitted);
    const key = this.key(context.namespace, object.metadata.name ?? '');
    const errors = validateObject(definition, object, context);
    if (errors.length > 0) throw newInvalid(this.#internalKind, name, errors);
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
    const admission = options.isAdmitted === true ? noAdmission : this.#admission;
    const admitted = await admission.admit({ ...admissionRequest, object: prepared });
    const again = admitted === prepared ? prepared : this.#prepareUpdate(admitted, old, strategy, context);
    let object = deepFreeze(nextGeneration(strategy, again, old, wireEqual));
    const errors = validateObjectUpdate(strategy, object, old, context);
    if (errors.length > 0) throw newInvalid(this.#internalKind, name, errors);
    for (const warning of strategy.warnings?.(object, old) ?? []) context.warn(warning);
    await admission.validate({ ...admissionRequest, object });
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

  async #deleteOnce(context: RequestContext, name: string, current: Stored, options: DeleteOptions): Promise<Deleted | undefined> {
    const { definition } = this;
    const old = this.#served(current.object);
    this.#assertPreconditions(name, old, options);
    const request = { operation: 'DELETE', definition, subresource: '', name, object: undefined, old, context } as const;
    await this.#admission.validate(request);
    const { marked, outcome } = planDeletion(definition, old, options, context.clock.now());
    if (marked === undefined && outcome === 'keep') return { stored: current, object: old, gone: false };
    if (context.dryRun) return { stored: undefined, object: marked ?? old, gone: outcome === 'delete' };
    let last = current;
    if (marked !== undefined) {
      const result = await this.#commit(context, current.key, current.revision, this.#encode(deepFreeze(marked)));
      if (!result.succeeded) return undefined;
      last = result.stored;
      if (outcome === 'keep') return { stored: last, object: this.#served(last.object), gone: false };
    }
    const lastObject = this.#served(last.object);
    const begun = await this.#begin({ operation: 'delete', object: undefined, old: lastObject }, context);
    const result = await this.#commit(context, current.key, last.revision, 'deleted', begun.revert);
    if (!result.succeeded) return undefined;
    await begun.finish();
    return { stored: undefined, object: this.#at(lastObject, result.revision), gone: true };
  }

  #assertPreconditions(name: string, old: ApiObject, options: DeleteOptions): void {
    const { uid, resourceVersion } = options.preconditions ?? {};
    const { group, kind } = this.#internalKind;
    const about = { group, resource: kind };
    const { uid: storedUid = '', resourceVersion: storedVersion = '' } = old.metadata;
    if (uid !== undefined && uid !== storedUid) {
      throw newConflict(
        about,
        name,
        `the UID in the precondition (${uid}) does not match the UID in record (${storedUid}). The object might have been deleted and then recreated`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== storedVersion) {
      throw newConflict(
        about,
        name,
        `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${storedVersion}). The object might have been modified`,
      );
    }
    if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true) {
      throw this.#storageConflict(
        old.metadata.namespace ?? '',
        name,
        'unsafe deletion is not allowed because the object is decodable from storage',
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
    const plain = stored.metadata.resourceVersion === undefined ? stored : withoutResourceVersion(stored);
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

  async #alreadyExists(context: RequestContext, name: string): Promise<Error> {
    const { status, code } = newAlreadyExists(this.definition, name);
    const { stored } = await context.storage.get(this.key(context.namespace, name));
    const isLeaving = stored?.object.metadata.deletionTimestamp !== undefined;
    return newStatusError(code, 'AlreadyExists', `${isLeaving ? 'object is being deleted: ' : ''}${status.message ?? ''}`, status.details);
  }

  #versionRequired(name: string): Error {
    const { group, resource } = this.definition;
    const detail = 'must be specified for an update';
    return newInvalid({ group, kind: resource }, name, [{ type: 'Invalid', field: 'metadata.resourceVersion', badValue: 0, detail }]);
  }

  #conflict(name: string): Error {
    return newConflict(
      this.definition,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }

  /** A refusal of the storage layer, in the words that reach clients (apiserver pkg/storage InvalidObjError). */
  #storageConflict(namespace: string, name: string, why: string): Error {
    return newConflict(
      this.definition,
      name,
      `StorageError: invalid object, Code: 4, Key: ${this.key(namespace, name)}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
    );
  }

  #uidConflict(namespace: string, name: string, sent: string, stored: string): Error {
    return this.#storageConflict(namespace, name, `Precondition failed: UID in precondition: ${sent}, UID in object meta: ${stored}`);
  }
}

function withoutResourceVersion(object: ApiObject): ApiObject {
  const { resourceVersion: _rv, ...metadata } = object.metadata;
  return deepFreeze({ ...object, metadata });
}

const noAdmission = admissionChain([]);

const nothingBegun = { finish: async () => {}, revert: async () => {} };

/** The revision that what is sent was read at; `any` where it does not say. Throws what upstream answers to other texts. */
function revisionOfSent({ metadata: { resourceVersion = '' } }: Unstructured | ApiObject): Revision | 'any' {
  if (resourceVersion === '' || resourceVersion === '0') return 'any';
  if (!/^\d+$/.test(resourceVersion))
    throw newStatusError(500, '', `strconv.ParseUint: parsing ${goQuote(resourceVersion)}: invalid syntax`);
  return Number(resourceVersion) as Revision; // compared only; what is no revision equals none
}

function isLastFinalizerGone({ strategy }: ResourceDefinition, object: ApiObject): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0 || strategy.isHeld?.(object) === true)
    return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function sameButRevision(object: ApiObject, old: ApiObject): boolean {
  const { resourceVersion: _rv, ...metadata } = old.metadata;
  return wireEqual(object, { ...old, metadata });
}

/** See `GenericRegistry.key`. */
export function objectKey(
  { storage, namespaced }: Pick<ResourceDefinition, 'storage' | 'namespaced'>,
  namespace: string,
  name: string,
): Key {
  return namespaced ? `${storage.prefix}${namespace}/${name}` : storage.prefix + name;
}
