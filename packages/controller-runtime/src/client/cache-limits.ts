import {
  type Frozen,
  getOwn,
  type KubeObject,
  type LabelMatcher,
  parseFieldSelector,
  parseLabelSelector,
  sortedEntries,
} from '@coracle/apimachinery';
import { informerKey, metaOf, type ResourceHandle, type Transform, type WatchOptions, wholeObjects } from '@coracle/client';

/** What a cache holds of a kind's objects (pkg/cache Config). A member that is absent is as the next wider one says. */
export interface CacheConfig<T = unknown> {
  /** Only objects whose labels match. Default, and '': all. */
  readonly labelSelector?: string;
  /** Only objects whose fields match, of those that the server can select by. Default, and '': all. */
  readonly fieldSelector?: string;
  /** Applied to each object that comes in; see `SharedIndexInformer.setTransform`. */
  readonly transform?: Transform<T>;
}

/** Of which namespaces a cache holds objects, with what is special in each; '' is all that are not named. */
export type CachedNamespaces<T = unknown> = Readonly<Record<string, CacheConfig<T>>>;

/** What a cache holds of one kind (pkg/cache ByObject). */
export interface KindConfig<T = unknown> extends CacheConfig<T> {
  /** Default: those of the cache; `{}` is all, whatever the cache says. Not for kinds without namespaces. */
  readonly namespaces?: CachedNamespaces<T>;
}

/** What a cache holds (pkg/cache Options). A kind's own config counts before a namespace's, and that before the rest. */
export interface CacheLimits extends CacheConfig {
  /** Default: all. */
  readonly namespaces?: CachedNamespaces;
  /** Made by `cacheOf`. */
  readonly kinds?: readonly KindLimits[];
}

/** A kind and what a cache holds of it. */
export interface KindLimits {
  readonly handle: ResourceHandle<KubeObject>;
  readonly config: KindConfig;
}

/** What a cache holds of the objects of `handle`, and of their metadata, unless that has limits of its own. Its transform is for whole objects. */
export function cacheOf<T extends KubeObject>(handle: ResourceHandle<T>, config: KindConfig<T>): KindLimits {
  return { handle, config: config as KindConfig }; // it is given objects of this handle only
}

/** Which objects of a kind one informer holds. */
export interface PartSelectors {
  /** '' is all namespaces, but for those that have parts of their own. */
  readonly namespace: string;
  /** Selectors as they are sent; '' is everything. */
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/** What one informer of a kind holds. */
export interface PartLimits<T> extends PartSelectors {
  readonly transform: Transform<T> | undefined;
}

/** Throws TypeError for limits that cannot be: a selector that is none, namespaces of a kind without. */
export function checkLimits(limits: CacheLimits): void {
  const { kinds = [], namespaces, ...config } = limits;
  const parts = kinds.flatMap(({ handle }) => partsOf(handle, limits));
  for (const { labelSelector = '', fieldSelector = '' } of [config, ...Object.values(namespaces ?? {}), ...parts]) {
    try {
      holderOf({ namespace: '', labelSelector, fieldSelector });
    } catch (cause) {
      throw new TypeError(`Cannot limit a cache by labels "${labelSelector}" and fields "${fieldSelector}"`, { cause });
    }
  }
}

/** The informers that hold a kind, at least one; no object belongs to two of them. */
export function partsOf<T extends KubeObject>(handle: ResourceHandle<T>, limits: CacheLimits): readonly PartLimits<T>[] {
  const { kinds = [], namespaces: all, ...rest } = limits;
  const { namespaces: own, ...config } = configOf(handle, kinds);
  if (!handle.namespaced) {
    if (own !== undefined) throw new TypeError(`Cannot limit the cache of ${handle.kind} to namespaces: it has none`);
    return [partOf('', [], config, rest)];
  }
  const namespaces = sortedEntries(own ?? all);
  if (namespaces.length === 0) return [partOf('', [], config, rest)];
  const names = namespaces.map(([name]) => name);
  return namespaces.map(([name]) => {
    const others = name === '' ? names.filter((other) => other !== '') : [];
    return partOf(name, others, getOwn(own, name) ?? {}, config, getOwn(all, name) ?? {}, rest);
  });
}

/** The first of `configs` that says something counts. */
function partOf<T>(namespace: string, without: readonly string[], ...configs: readonly CacheConfig[]): PartLimits<T> {
  const first = <V>(of: (config: CacheConfig) => V | undefined): V | undefined => configs.map(of).find((value) => value !== undefined);
  const selected = first((config) => config.fieldSelector) ?? '';
  const excluded = without.map((other) => `metadata.namespace!=${other}`);
  return {
    namespace,
    labelSelector: first((config) => config.labelSelector) ?? '',
    fieldSelector: [...excluded, ...(selected === '' ? [] : [selected])].join(','),
    transform: first((config) => config.transform) as Transform<T> | undefined, // of objects of this kind
  };
}

function configOf(handle: ResourceHandle<KubeObject>, kinds: readonly KindLimits[]): KindConfig {
  const of = (key: string): KindConfig | undefined => kinds.find((kind) => informerKey(kind.handle) === key)?.config;
  const own = of(informerKey(handle));
  if (own !== undefined || handle.onlyMetadata !== true) return own ?? {};
  const { transform: _ofWholeObjects, namespaces, ...selectors } = of(informerKey(wholeObjects(handle))) ?? {};
  if (namespaces === undefined) return selectors;
  const withoutTransforms = sortedEntries(namespaces).map(([name, { transform: _, ...config }]) => [name, config] as const);
  return { ...selectors, namespaces: Object.fromEntries(withoutTransforms) };
}

/** Whether a part holds everything of its namespace as it is. */
export function isWhole<T>({ labelSelector, fieldSelector, transform }: PartLimits<T>): boolean {
  return labelSelector === '' && fieldSelector === '' && transform === undefined;
}

/** `options` of a list or a watch, for what a part holds only. */
export function narrowed<Options extends WatchOptions>({ labelSelector, fieldSelector }: PartSelectors, options: Options): Options {
  return {
    ...options,
    ...(labelSelector !== '' && { labelSelector: both(options.labelSelector, labelSelector) }),
    ...(fieldSelector !== '' && { fieldSelector: both(options.fieldSelector, fieldSelector) }),
  };
}

function both(first: string | undefined, second: string): string {
  return first === undefined || first === '' ? second : `${first},${second}`;
}

/** Tells of objects, without asking the server, whether a part holds them; undefined: only the server knows. */
export function holderOf({ labelSelector, fieldSelector }: PartSelectors): (object: Frozen<KubeObject>) => boolean | undefined {
  const labels: LabelMatcher = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  return (object) => {
    const { name = '', namespace = '', labels: own } = metaOf(object);
    if (!labels.matches(own)) return false;
    const known: ReadonlyMap<string, string> = new Map([
      ['metadata.name', name],
      ['metadata.namespace', namespace],
    ]);
    let isKnown = true;
    for (const { field, operator, value } of fields) {
      const actual = known.get(field);
      if (actual === undefined)
        isKnown = false; // what it is made of differs from kind to kind
      else if ((actual === value) !== (operator === '=')) return false;
    }
    return isKnown ? true : undefined;
  };
}
