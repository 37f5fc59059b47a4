import { type Frozen, type LabelMatcher, newNotFound, type QualifiedResource } from '@coracle/apimachinery';
import { type Indexer, namespaceIndex } from './indexer.ts';
import { metaOf } from './keys.ts';

/** Reads the objects of one namespace, or of the cluster scope, from a cache. */
export interface NamespaceLister<T> {
  list(selector?: LabelMatcher): readonly Frozen<T>[];
  get(name: string): Frozen<T> | undefined;
  /** As `get`; throws the server's NotFound for what is missing, as client-go's listers do. */
  require(name: string): Frozen<T>;
}

/** Reads from an informer's cache (client-go listers). A missing object is `undefined`, not an error. */
export interface Lister<T> extends NamespaceLister<T> {
  namespace(namespace: string): NamespaceLister<T>;
}

/**
 * `get` of the result takes the name of a cluster-scoped object, or a whole key. Without an index by namespace, the objects of one are
 * found by looking at all, which `onScan` is told of once. `resource` is what NotFound names.
 */
export function listerOf<T>(
  indexer: Indexer<T>,
  resource: QualifiedResource = { group: '', resource: '' },
  onScan: () => void = () => undefined,
): Lister<T> {
  let hasScanned = false;
  const readerOf = (objects: () => readonly Frozen<T>[], keyOf: (name: string) => string): NamespaceLister<T> => ({
    list: (selector) => selected(objects(), selector),
    get: (name) => indexer.getByKey(keyOf(name)),
    require: (name) => {
      const object = indexer.getByKey(keyOf(name));
      if (object === undefined) throw newNotFound(resource, name);
      return object;
    },
  });
  const inNamespace = (namespace: string): readonly Frozen<T>[] => {
    if (indexer.hasIndex(namespaceIndex)) return indexer.byIndex(namespaceIndex, namespace);
    if (!hasScanned) onScan();
    hasScanned = true;
    return indexer.list().filter((object) => (metaOf(object).namespace ?? '') === namespace);
  };
  const all = readerOf(
    () => indexer.list(),
    (key) => key,
  );
  return {
    ...all,
    namespace: (namespace) =>
      namespace === ''
        ? all
        : readerOf(
            () => inNamespace(namespace),
            (name) => `${namespace}/${name}`,
          ),
  };
}

function selected<T>(objects: readonly Frozen<T>[], selector: LabelMatcher | undefined): readonly Frozen<T>[] {
  if (selector === undefined || selector.everything) return objects;
  return objects.filter((object) => selector.matches(metaOf(object).labels));
}
