import { deepFreeze, type ExchangeOptions, type Frozen, readJson } from '@coracle/apimachinery';
import { beginsWith } from './begins-with.ts';
import { canDefer, defer, type DeferredMember, rebuilt, Unread, unreadMember, withMember } from './deferred.ts';
import { fault, JsonChecker } from './json-checker.ts';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Smaller values are parsed at once: to keep them as text costs as much. */
const leastDeferredBytes = 200;
/** Of a member's value: what is nested more deeply is left to `readJson`, whose limit is 1,000 with what is around the member. */
const maxDepth = 997;
const metadataKey = Buffer.from('"metadata"');
const nameKey = Buffer.from('"name"');
const namespaceKey = Buffer.from('"namespace"');

/** Every Buffer has it, in Bun and Deno too, though types do not say so; `toString('latin1')` takes twice as long for short texts. */
type Bytes = Buffer & { latin1Slice(start: number, end: number): string };

/** How objects are read. */
export type ReadOptions = Pick<ExchangeOptions, 'bigints' | 'withoutManagedFields' | 'previous'>;

/** A member whose value is not parsed at once. */
interface Cut {
  readonly name: string;
  readonly of: Level;
  readonly keyStart: number;
  readonly start: number;
  readonly end: number;
  readonly isWide: boolean;
  /** What an earlier state of the object holds of the same text. */
  readonly same: Unread | undefined;
}

/** The object itself, or its metadata. */
class Level {
  members = 0;
  cuts = 0;
  /** Its cuts are its last members: without them, it needs no zeros to keep their places. */
  isCutAtEnd = true;
}

// A byte order mark is no JSON; invalid sequences become U+FFFD.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads objects of the API from bytes: what is small, and all metadata but managedFields, at once; large members (`spec`, `status`,
 * `data`) are checked, kept as text, and parsed for who asks. Whoever watches looks at metadata first, and often at nothing else: to
 * check takes a quarter of what it takes to parse and freeze.
 */
export class ObjectDecoder {
  readonly #checker = new JsonChecker(maxDepth);
  readonly #bigints: boolean;
  readonly #withoutManagedFields: boolean;
  readonly #previous: ReadOptions['previous'];
  #bytes: Bytes = Buffer.alloc(0) as Buffer as Bytes; // see there
  /** In the order of the text. */
  #cuts: Cut[] = [];
  #metadata: Level | undefined;
  // Of the object; '' where there is none.
  #name = '';
  #namespace = '';
  // Of what is parsed at once.
  #isWide = false;
  #isHard = false;

  constructor({ bigints = false, withoutManagedFields = false, previous }: ReadOptions) {
    this.#bigints = bigints;
    this.#withoutManagedFields = withoutManagedFields;
    this.#previous = previous;
  }

  /** Everything after this is read from `bytes`, which may change once it was. */
  set(bytes: Buffer): void {
    this.#bytes = bytes as Bytes; // see there
    this.#checker.set(bytes);
  }

  /**
   * The frozen object from `start` to `end`. Undefined when it is none, or one that has to be read as a whole: a member comes twice,
   * or it is nested too deeply.
   */
  read(start: number, end: number): Frozen<object> | undefined {
    this.#cuts = [];
    this.#metadata = undefined;
    this.#name = '';
    this.#namespace = '';
    this.#isWide = false;
    this.#isHard = false;
    const outer = new Level();
    if (this.#pastMembers(start, outer) !== end) return undefined;
    const text = this.#eagerText(start, end);
    // It is an object, and was checked.
    const object = (this.#isHard ? readJson(text, { bigints: this.#bigints }).value : JSON.parse(text)) as Record<string, unknown>;
    const metadata = this.#ofMetadata;
    if (metadata.cuts > 0) {
      const whole = this.#withCuts(object['metadata'] as Record<string, unknown>, metadata); // its members were passed
      if (whole === undefined) return undefined;
      object['metadata'] = whole;
    }
    return outer.cuts === 0 ? deepFreeze(object) : this.#withCuts(object, outer);
  }

  /** Set by `#pastMembers`, which TypeScript does not see. */
  get #ofMetadata(): Level {
    return this.#metadata ?? noMetadata;
  }

  /** The end of the object at `at`, whose large members are cut. */
  #pastMembers(at: number, level: Level): number {
    const bytes = this.#bytes;
    const checker = this.#checker;
    if (bytes[at] !== openBrace) return fault;
    let before: object | undefined;
    let p = checker.pastSpace(at + 1);
    if (bytes[p] === closeBrace) return p + 1;
    for (;;) {
      const keyStart = checker.pastSpace(p);
      if (bytes[keyStart] !== quote) return fault;
      checker.clear();
      const keyEnd = checker.pastValue(keyStart);
      // An escape may spell a name that another member has.
      if (keyEnd === fault || checker.hasEscapes) return fault;
      this.#noteKept();
      p = checker.pastSpace(keyEnd);
      if (bytes[p] !== colon) return fault;
      const start = checker.pastSpace(p + 1);
      level.members++;
      const isMetadata = level !== this.#metadata && this.#isMetadata(keyStart, keyEnd);
      if (isMetadata && this.#metadata !== undefined) return fault; // it comes twice
      if (isMetadata && bytes[start] === openBrace) {
        if (level.cuts > 0) level.isCutAtEnd = false;
        this.#metadata = new Level();
        p = this.#pastMembers(start, this.#metadata);
        before = this.#before();
      } else if (before !== undefined && this.#cutSame(before, level, keyStart, keyEnd, start)) {
        p = this.#cuts.at(-1)?.end ?? fault;
      } else {
        checker.clear();
        p = checker.pastValue(start);
        if (level === this.#metadata) this.#noteName(keyStart, keyEnd, start, p);
        if (p - start < leastDeferredBytes || !this.#maybeCut(level, keyStart, keyEnd, start, p)) {
          this.#noteKept();
          if (level.cuts > 0) level.isCutAtEnd = false;
        }
      }
      if (p === fault) return fault;
      p = checker.pastSpace(p);
      const next = bytes[p++];
      if (next === closeBrace) return p;
      if (next !== comma) return fault;
    }
  }

  #isMetadata(keyStart: number, keyEnd: number): boolean {
    return keyEnd - keyStart === metadataKey.length && beginsWith(this.#bytes, keyStart, metadataKey);
  }

  #noteKept(): void {
    if (this.#checker.hasWideCharacters) this.#isWide = true;
    if (this.#checker.isHard) this.#isHard = true;
  }

  /** False when the value is one to be parsed at once. */
  #maybeCut(of: Level, keyStart: number, keyEnd: number, start: number, end: number): boolean {
    const first = this.#bytes[start];
    if ((first !== openBrace && first !== openBracket) || this.#checker.isHard) return false;
    const name = this.#bytes.latin1Slice(keyStart + 1, keyEnd - 1);
    if ((of === this.#metadata && name !== 'managedFields') || !canDefer(name)) return false;
    // The comma before a member goes with it.
    if (this.#bytes[keyStart - 1] !== comma) of.isCutAtEnd = false;
    of.cuts++;
    this.#cuts.push({ name, of, keyStart, start, end, isWide: this.#checker.hasWideCharacters, same: undefined });
    return true;
  }

  /** Keeps the names of the object for `#before`, unless they need more than to be cut out. */
  #noteName(keyStart: number, keyEnd: number, start: number, end: number): void {
    const isName = keyEnd - keyStart === nameKey.length && beginsWith(this.#bytes, keyStart, nameKey);
    const isNamespace = keyEnd - keyStart === namespaceKey.length && beginsWith(this.#bytes, keyStart, namespaceKey);
    if ((!isName && !isNamespace) || this.#bytes[start] !== quote || this.#checker.hasEscapes || this.#checker.hasWideCharacters) return;
    const text = this.#bytes.latin1Slice(start + 1, end - 1);
    if (isName) this.#name = text;
    else this.#namespace = text;
  }

  /** An earlier state of the object whose metadata was passed. */
  #before(): object | undefined {
    return this.#name === '' ? undefined : this.#previous?.(this.#namespace, this.#name);
  }

  /** Cuts the value at `start` unseen if the same text follows as `before` has of that member. */
  #cutSame(before: object, of: Level, keyStart: number, keyEnd: number, start: number): boolean {
    const name = this.#bytes.latin1Slice(keyStart + 1, keyEnd - 1);
    const same = unreadMember(before, name);
    if (same?.isExact !== true) return false;
    const end = start + same.text.length;
    if (end >= this.#bytes.length || this.#bytes[end - 1] !== same.text.charCodeAt(same.text.length - 1)) return false;
    if (this.#bytes.latin1Slice(start, end) !== same.text) return false;
    if (this.#bytes[keyStart - 1] !== comma) of.isCutAtEnd = false;
    of.cuts++;
    this.#cuts.push({ name, of, keyStart, start, end, isWide: false, same });
    return true;
  }

  /** The text without the members that were cut, or with a zero for the value of one that is not among the last. */
  #eagerText(start: number, end: number): string {
    let text = '';
    let from = start;
    for (const cut of this.#cuts) {
      const to = cut.of.isCutAtEnd ? cut.keyStart - 1 : cut.start;
      if (to > from) text += this.#text(from, to, this.#isWide);
      if (!cut.of.isCutAtEnd) text += '0';
      from = cut.end;
    }
    return text + this.#text(from, end, this.#isWide);
  }

  /** Frozen, with the members that were cut from it; undefined when one of them comes twice. */
  #withCuts(object: Record<string, unknown>, level: Level): Frozen<object> | undefined {
    // Nothing else of metadata is cut.
    const isDropped = this.#withoutManagedFields && level === this.#metadata;
    const cuts: DeferredMember[] = [];
    if (!isDropped)
      for (const { name, of, start, end, isWide, same } of this.#cuts)
        if (of === level) cuts.push({ name, unread: same ?? new Unread(this.#text(start, end, isWide), !isWide, parsed) });
    for (const name in object) deepFreeze(object[name]);
    if (level.isCutAtEnd) return isDropped && Object.hasOwn(object, 'managedFields') ? undefined : defer(object, cuts);
    if (Object.keys(object).length !== level.members) return undefined;
    return isDropped ? withMember(object, 'managedFields', undefined) : rebuilt(object, cuts);
  }

  #text(start: number, end: number, isWide: boolean): string {
    return isWide ? utf8.decode(this.#bytes.subarray(start, end)) : this.#bytes.latin1Slice(start, end);
  }
}

const noMetadata = new Level();

/** Of a text that was checked, of an object or an array. */
function parsed(text: string): Frozen<object> {
  return deepFreeze(JSON.parse(text) as object);
}
