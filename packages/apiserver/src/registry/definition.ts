import type { FieldError, Frozen, Unstructured } from '@coracle/apimachinery';
import type { Clock, Random } from '@coracle/kernel';
import type { UserInfo } from '../authentication/user.ts';
import type { DeleteOptions } from './deletion.ts';
import type { Storage } from '../storage/storage.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** An API object as the registry handles it: frozen, in the wire's spelling, in the storage version. */
export type ApiObject = Frozen<Unstructured>;

/** What hooks may know of the request. Everything that is not here does not influence an object. */
export interface RequestContext {
  readonly user: UserInfo;
  /** '' for cluster-scoped resources. */
  readonly namespace: string;
  readonly dryRun: boolean;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  /** For admission and `begin`: reads and writes of other objects. Steps of this request in a simulation. */
  readonly storage: Storage;
  readonly userAgent: string;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}

/**
 * The rules of one kind (k8s.io/apiserver pkg/registry/rest, `strategy.go` of each resource). Pure: builds new objects,
 * never changes its arguments. Metadata common to all kinds is handled before and after by the registry.
 */
export interface Strategy {
  /** Clears what a client may not set on create (status), sets what the server decides. */
  prepareForCreate?(object: ApiObject, context: RequestContext): ApiObject;
  /** `old` is what is stored. Copies from it what a client may not change here. */
  prepareForUpdate?(object: ApiObject, old: ApiObject, context: RequestContext): ApiObject;
  validate?(object: ApiObject, context: RequestContext): readonly FieldError[];
  /** In place of `validate` where updates have rules of their own; else `validate` and the rules of metadata apply. */
  validateUpdate?(object: ApiObject, old: ApiObject, context: RequestContext): readonly FieldError[];
  warnings?(object: ApiObject, old: ApiObject | undefined): readonly string[];
  /** A new object may come with a status (kinds whose status their own component writes at creation, such as nodes). */
  readonly keepsStatusOnCreate?: boolean;
  /** A delete that takes the object out answers with it, not with a Status (upstream's ReturnDeletedObject). */
  readonly returnsDeletedObject?: boolean;
  /** PUT of an object that does not exist creates it. */
  readonly allowCreateOnUpdate?: boolean;
  /** PUT without resourceVersion is accepted (built-in kinds); custom resources refuse it. */
  readonly allowUnconditionalUpdate?: boolean;
  /** Whether `generation` counts changes of anything outside metadata and status. */
  readonly hasGeneration?: boolean;
  /** What a client is told whose delete leaves that open. */
  readonly propagationWarning?: string;
  /** What becomes of dependents when neither the request nor the object says it; `none`: no dependents are collected (events). */
  readonly propagation?: 'background' | 'orphan' | 'none';
  /** Grace period of a delete in seconds, when the kind has one (pods): undefined deletes at once. */
  gracePeriodSeconds?(object: ApiObject, requested: number | undefined): number | undefined;
  /** `generation` counts changes of annotations too (deployments). */
  readonly generationCountsAnnotations?: boolean;
  /** `/status` leaves labels, annotations and the rest of metadata alone (rest.ResetObjectMetaForStatus). */
  readonly statusKeepsMetadata?: boolean;
  /** Finalizers need only be qualified names; else those without a domain must be known ones (upstream's core validation). */
  readonly anyFinalizer?: boolean;
  /** Whether more than metadata.finalizers keeps a deleted object (namespaces: spec.finalizers). */
  isHeld?(object: ApiObject): boolean;
  /** What becomes of an object that is marked for deletion (namespaces: the phase Terminating). Its first delete only marks it. */
  whenMarked?(object: ApiObject): ApiObject;
  /** Names are checked by this; default: DNS-1123 subdomain. Returns message texts. */
  validateName?(name: string, options: { readonly prefix: boolean }): readonly string[];
  /**
   * Side effects around the commit: cluster IPs, node ports, quota. The only place where a kind touches anything but its
   * own object. `revert` runs when the commit does not happen.
   */
  begin?(
    change: ObjectChange,
    context: RequestContext,
  ): Promise<{ readonly object?: ApiObject; finish(): Promise<void>; revert(): Promise<void> }>;
}

export interface ObjectChange {
  readonly operation: 'create' | 'update' | 'delete';
  readonly object: ApiObject | undefined;
  readonly old: ApiObject | undefined;
}

/** A column of a Table (meta/v1 TableColumnDefinition). */
export interface Column {
  readonly name: string;
  /** string, integer, number, boolean, date. */
  readonly type: string;
  readonly format: string;
  readonly description?: string;
  /** 0 is shown always, 1 with `-o wide`. */
  readonly priority: number;
}

/** Result of decoding: what was understood, and what `fieldValidation` has to report. */
export interface Decoded {
  readonly object: Unstructured;
  /** Texts like `unknown field "spec.foo"`, in order of appearance. */
  readonly strictErrors: readonly string[];
}

/** Strategic merge is possible only for kinds whose structs say how (built-ins); others answer 415. */
export type StrategicMerge = (current: ApiObject, patch: unknown) => Unstructured;

export interface Subresource {
  readonly name: string;
  /** Kind of the body, when it is not the resource's own. */
  readonly response: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly Verb[];
  /** `status` and the like: an update of the same object under rules of its own. */
  readonly strategy?: Strategy;
  /** Not there yet: discovery does not list it, and its handler says so. */
  readonly isBuilt?: false;
  /** Anything else: scale, binding, eviction, token, log, exec. */
  readonly handler?: SubresourceHandler;
}

/** A subresource that is more than a view on its object. `handle` returns the answer's object and status, or a body. */
export type SubresourceHandler = (request: SubresourceRequest) => Promise<SubresourceResponse>;

export interface SubresourceRequest {
  readonly verb: Verb | 'connect';
  readonly name: string;
  readonly context: RequestContext;
  /** Decoded body; undefined for reads. */
  readonly body: unknown;
  /** Of a patch: the body as a function of what it changes. */
  readonly patched?: (current: Frozen<unknown>) => unknown;
  readonly query: ReadonlyMap<string, string>;
  /** Aborts when the client is gone: for answers that do not end by themselves. */
  readonly signal: AbortSignal;
  readonly registry: ResourceRegistry;
}

export type SubresourceResponse =
  | { readonly status: number; readonly object: Frozen<unknown> }
  | { readonly status: number; readonly contentType: string; readonly bytes: Uint8Array }
  | { readonly status: number; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> };

/** What a subresource handler may do to the objects of its resource. */
export interface ResourceRegistry {
  readonly definition: ResourceDefinition;
  get(context: RequestContext, name: string): Promise<ApiObject>;
  /** Read, change, compare-and-swap, until it fits; `strategy` replaces that of the resource. */
  update(
    context: RequestContext,
    name: string,
    change: (current: ApiObject) => Unstructured | ApiObject,
    options?: {
      readonly strategy?: Strategy;
      /** Admission judged what was created below the object (a binding, an eviction), and is not asked about the effect. */
      readonly isAdmitted?: true;
    },
  ): Promise<ApiObject>;
  delete(context: RequestContext, name: string, options: DeleteOptions): Promise<unknown>;
}

/**
 * Everything the server knows of one kind in one version. Discovery, OpenAPI, tables, codecs and the registry read these
 * rows; nothing asks whether a kind is built in.
 */
export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case. */
  readonly resource: string;
  readonly kind: string;
  readonly listKind: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly storage: {
    /** Key prefix, ending in `/`. Versions of one kind, and groups over one range of keys, share it. */
    readonly prefix: string;
    /** apiVersion of what is stored. */
    readonly apiVersion: string;
    readonly hash: string;
  };
  /** What every client is told that uses this version; undefined unless it is deprecated. */
  readonly deprecation?: string;
  readonly columns: readonly Column[];
  /** The values of an object's row, in the order of `columns`; `nowMs` for ages. */
  cells(object: ApiObject, nowMs: number): readonly unknown[];
  /** Items of lists carry `kind` and `apiVersion` (custom resources) or not (built-in kinds). */
  readonly typedItems: boolean;
  /** Values of the selectable fields besides metadata.name and metadata.namespace. */
  readonly selectableFields: Readonly<Record<string, (object: ApiObject) => string>>;
  /** Schemas of the kind and its list by name, of kinds that have no facts of their own (custom resources). */
  readonly openApi?: () => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** From a parsed body in this version: known fields only, as the kind's schema says. Throws StatusError (400). */
  decode(value: unknown): Decoded;
  /** Fills in defaults; idempotent. Runs after decoding and again after mutating admission. */
  default?(object: Unstructured): Unstructured;
  /** To and from the storage version, when this is another. */
  readonly convert?: {
    toStorage(object: Unstructured): Unstructured;
    fromStorage(object: ApiObject): ApiObject;
  };
  readonly strategicMerge?: StrategicMerge;
  readonly strategy: Strategy;
  /** Rules of `/status`, where the kind has that subresource: all but status is the stored object's. */
  readonly statusStrategy?: Strategy;
  readonly subresources: Readonly<Record<string, Subresource>>;
}

/** `apiVersion` of a definition's objects. */
export function apiVersionOf(definition: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
