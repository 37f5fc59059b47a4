import type { Frozen, LabelMatcher } from '@coracle/apimachinery';
import { type Indexer, namespaceIndex } from './indexer.ts';
import { metaOf } from './keys.ts';

export interface NamespaceLister<T> {
  list(selector?: LabelMatcher): readonly Frozen<T>[];
  get(name: string): Frozen<T> | undefined;
}

/** Reads from an informer's cache (client-go listers). A missing object is `undefined`, not an error. */
export interface Lister<T> extends NamespaceLister<T> {
  namespace(namespace: string): NamespaceLister<T>;
}

/** `get` of the result takes the name of a cluster-scoped object, or a whole key. */
export function listerOf<T>(indexer: Indexer<T>): Lister<T> {
  return {
    list: (selector) => selected(indexer.list(), selector),
    get: (key) => indexer.getByKey(key),
    namespace: (namespace) => ({
      list: (selector) => selected(namespace === '' ? indexer.list() : indexer.byIndex(namespaceIndex, namespace), selector),
      get: (name) => indexer.getByKey(namespace === '' ? name : `${namespace}/${name}`),
    }),
  };
}

function selected<T>(objects: readonly Frozen<T>[], selector: LabelMatcher | undefined): readonly Frozen<T>[] {
  if (selector === undefined || selector.everything) return objects;
  return objects.filter((object) => selector.matches(metaOf(object).labels));
}
