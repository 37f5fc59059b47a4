/** What a tree knows of its values, to count them without looking at each. */
export interface Census<V> {
  /** Whether it counts. */
  exists(value: V): boolean;
  /** When it came; a value that takes its place never came before. */
  revisionOf(value: V): number;
}

const everything: Census<unknown> = { exists: () => true, revisionOf: () => 0 };

/**
 * An ordered map from keys to values whose snapshots are free: a B+ tree with copy-on-write nodes, each of which knows how many
 * of the values below it exist.
 *
 * Keys are binary strings (one char per byte), so that JavaScript's order is the order of bytes. A node may be changed in
 * place only by the edition that made it; `snapshot()` starts a new edition on both sides.
 */
export class Tree<V> {
  readonly #census: Census<V>;
  #root: Node<V>;
  #edition: object;
  #size: number;
  // Of the value that was set or deleted last, for the nodes above it.
  #gained = 0;
  #cameAt = 0;

  constructor(census: Census<V> = everything) {
    this.#census = census;
    this.#edition = {};
    this.#root = this.#leaf([], []);
    this.#size = 0;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (!node.leaf) node = child(node, childIndex(node.keys, key));
    const index = lowerBound(node.keys, key);
    return node.keys[index] === key ? node.values[index] : undefined;
  }

  set(key: string, value: V): void {
    const split = this.#set(this.#own(), key, value);
    if (split === undefined) return;
    this.#root = this.#inner([split.key], [this.#root, split.right]);
  }

  delete(key: string): boolean {
    if (this.get(key) === undefined) return false;
    this.#delete(this.#own(), key);
    this.#size--;
    while (!this.#root.leaf && this.#root.children.length === 1) this.#root = child(this.#root, 0);
    return true;
  }

  /** Entries with `from` ≤ key < `to` in order; `to` undefined means no upper bound. */
  *entries(from: string, to: string | undefined): Generator<readonly [key: string, value: V]> {
    yield* walk(this.#root, from, to);
  }

  /** Calls `each` for the same until it returns false: several times as fast, for it makes nothing on the way. */
  forEach(from: string, to: string | undefined, each: (value: V) => boolean): void {
    visit(this.#root, from, to, each);
  }

  /**
   * How many values of the keys existed at a revision, by `existed` where a newer one took the place of what was there: what
   * came at `at` or before is counted by whole nodes.
   */
  count(range: { readonly from: string; readonly to: string | undefined }, at: number, existed: (value: V) => boolean): number {
    return counted(this.#root, range.from, range.to, { at, existed });
  }

  /** An independent tree with the same content: O(1), shares all nodes until either side writes. */
  snapshot(): Tree<V> {
    const copy = new Tree<V>(this.#census);
    copy.#root = this.#root;
    copy.#size = this.#size;
    this.#edition = {};
    return copy;
  }

  #own(): Node<V> {
    this.#root = this.#owned(this.#root);
    return this.#root;
  }

  #owned(node: Node<V>): Node<V> {
    if (node.edition === this.#edition) return node;
    const { live, newest } = node;
    return node.leaf
      ? { leaf: true, edition: this.#edition, keys: [...node.keys], values: [...node.values], live, newest }
      : { leaf: false, edition: this.#edition, keys: [...node.keys], children: [...node.children], live, newest };
  }

  #leaf(keys: string[], values: V[]): Leaf<V> {
    const leaf: Leaf<V> = { leaf: true, edition: this.#edition, keys, values, live: 0, newest: 0 };
    this.#take(leaf);
    return leaf;
  }

  /** Counts the values of a leaf anew. */
  #take(leaf: Leaf<V>): void {
    leaf.live = 0;
    leaf.newest = 0;
    for (const value of leaf.values) {
      if (this.#census.exists(value)) leaf.live++;
      leaf.newest = Math.max(leaf.newest, this.#census.revisionOf(value));
    }
  }

  #inner(keys: string[], children: Node<V>[]): Inner<V> {
    const inner: Inner<V> = { leaf: false, edition: this.#edition, keys, children, live: 0, newest: 0 };
    sumUp(inner);
    return inner;
  }

  #follow(node: Node<V>): void {
    node.live += this.#gained;
    if (node.newest < this.#cameAt) node.newest = this.#cameAt;
  }

  #set(node: Node<V>, key: string, value: V): Split<V> | undefined {
    if (node.leaf) {
      const index = lowerBound(node.keys, key);
      const isNew = node.keys[index] !== key;
      this.#gained = Number(this.#census.exists(value)) - (isNew ? 0 : Number(this.#census.exists(node.values[index] as V)));
      this.#cameAt = this.#census.revisionOf(value);
      this.#follow(node);
      if (!isNew) {
        node.values[index] = value;
        return undefined;
      }
      node.keys.splice(index, 0, key);
      node.values.splice(index, 0, value);
      this.#size++;
      return node.keys.length > maxKeys ? this.#splitLeaf(node, index === node.keys.length - 1) : undefined;
    }
    const index = childIndex(node.keys, key);
    const below = this.#owned(child(node, index));
    node.children[index] = below;
    const split = this.#set(below, key, value);
    this.#follow(node);
    if (split === undefined) return undefined;
    node.keys.splice(index, 0, split.key);
    node.children.splice(index + 1, 0, split.right);
    return node.keys.length > maxKeys ? this.#splitInner(node) : undefined;
  }

  #splitLeaf(node: Leaf<V>, appending: boolean): Split<V> {
    // Keys that arrive in order leave full leaves behind; halves would stay half empty for ever.
    const middle = appending ? node.keys.length - 1 : node.keys.length >> 1;
    const keys = node.keys.splice(middle);
    const right = this.#leaf(keys, node.values.splice(middle));
    this.#take(node);
    return { key: keys[0] ?? '', right };
  }

  #splitInner(node: Inner<V>): Split<V> {
    const middle = node.keys.length >> 1;
    const keys = node.keys.splice(middle + 1);
    const key = node.keys.pop() ?? '';
    const right = this.#inner(keys, node.children.splice(middle + 1));
    sumUp(node);
    return { key, right };
  }

  #delete(node: Node<V>, key: string): void {
    if (node.leaf) {
      const index = lowerBound(node.keys, key);
      this.#gained = -Number(this.#census.exists(node.values[index] as V));
      this.#cameAt = 0;
      this.#follow(node);
      node.keys.splice(index, 1);
      node.values.splice(index, 1);
      return;
    }
    const index = childIndex(node.keys, key);
    const below = this.#owned(child(node, index));
    node.children[index] = below;
    this.#delete(below, key);
    this.#follow(node);
    // Only empty nodes are taken out: merging halves would cost more than the memory it saves.
    const empty = below.leaf ? below.keys.length === 0 : below.children.length === 0;
    if (!empty || node.children.length === 1) return;
    node.children.splice(index, 1);
    node.keys.splice(Math.max(0, index - 1), 1);
  }
}

interface Summary {
  /** Values below that exist. */
  live: number;
  /** No value below came after it. */
  newest: number;
}

interface Leaf<V> extends Summary {
  readonly leaf: true;
  readonly edition: object;
  readonly keys: string[];
  readonly values: V[];
}

/** Invariant: children.length = keys.length + 1; all keys below children[i] are < keys[i] ≤ those below children[i+1]. */
interface Inner<V> extends Summary {
  readonly leaf: false;
  readonly edition: object;
  readonly keys: string[];
  readonly children: Node<V>[];
}

type Node<V> = Leaf<V> | Inner<V>;

interface Split<V> {
  readonly key: string;
  readonly right: Node<V>;
}

const maxKeys = 32;

function child<V>(node: Inner<V>, index: number): Node<V> {
  return node.children[index] as Node<V>; // index is that of a key of this node, or one more
}

/** Index of the first key ≥ `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the child below which `key` lies. */
function childIndex(keys: readonly string[], key: string): number {
  const index = lowerBound(keys, key);
  return keys[index] === key ? index + 1 : index;
}

function* walk<V>(node: Node<V>, from: string, to: string | undefined): Generator<readonly [string, V]> {
  if (node.leaf) {
    for (let i = lowerBound(node.keys, from); i < node.keys.length; i++) {
      const key = node.keys[i] as string;
      if (to !== undefined && key >= to) return;
      yield [key, node.values[i] as V];
    }
    return;
  }
  for (let i = childIndex(node.keys, from); i < node.children.length; i++) {
    if (i > 0 && to !== undefined && (node.keys[i - 1] as string) >= to) return;
    yield* walk(child(node, i), from, to);
  }
}

/** False once `to` is reached, or `each` wants no more. */
function visit<V>(node: Node<V>, from: string, to: string | undefined, each: (value: V) => boolean): boolean {
  const { keys } = node;
  if (node.leaf) {
    const end = to === undefined || (keys.at(-1) ?? '') < to ? keys.length : lowerBound(keys, to);
    for (let i = lowerBound(keys, from); i < end; i++) if (!each(node.values[i] as V)) return false;
    return end === keys.length;
  }
  for (let i = childIndex(keys, from); i < node.children.length; i++) {
    if (i > 0 && to !== undefined && (keys[i - 1] as string) >= to) return false;
    if (!visit(child(node, i), from, to, each)) return false;
  }
  return true;
}

function counted<V>(
  node: Node<V>,
  from: string,
  to: string | undefined,
  then: { readonly at: number; readonly existed: (value: V) => boolean },
): number {
  if (from === '' && to === undefined && node.newest <= then.at) return node.live;
  const { keys } = node;
  let count = 0;
  if (node.leaf) {
    const end = to === undefined ? keys.length : lowerBound(keys, to);
    for (let i = lowerBound(keys, from); i < end; i++) if (then.existed(node.values[i] as V)) count++;
    return count;
  }
  const first = childIndex(keys, from);
  const last = to === undefined ? keys.length : lowerBound(keys, to);
  for (let i = first; i <= last; i++) count += counted(child(node, i), i === first ? from : '', i === last ? to : undefined, then);
  return count;
}

function sumUp<V>(node: Inner<V>): void {
  node.live = 0;
  node.newest = 0;
  for (const { live, newest } of node.children) {
    node.live += live;
    node.newest = Math.max(node.newest, newest);
  }
}
