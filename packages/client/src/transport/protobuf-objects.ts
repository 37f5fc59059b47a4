import type { Draft, MessageDecoder, Plan, PlannedField, WireReader } from '@coracle/api/protobuf';
import {
  type Frozen,
  groupVersion,
  type GroupVersionKind,
  type KubeObject,
  type ObjectMeta,
  parseGroupVersion,
} from '@coracle/apimachinery';
import { beginsWith } from './begins-with.ts';
import { canDefer, defer, type DeferredMember, Unread, unreadMember } from './deferred.ts';
import type { ReadOptions } from './object-decoder.ts';

/** What is loaded when the first object is asked for in protobuf: the facts about a thousand types are no matter of whoever needs none. */
export type ProtobufCodec = typeof import('@coracle/api/protobuf');

/** Smaller values are made at once: to keep them as bytes costs as much. */
const leastDeferredBytes = 200;
/** Of metadata, whose labels, annotations and owners hardly ever change: what is the same as before is made once for all. */
const leastDeferredMetadataBytes = 48;

/** A kind, and how its objects are read. */
interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plan: Plan;
  /** Of a list: that of its items. */
  readonly items: Kind | undefined;
}

/**
 * Reads objects of built-in kinds from protobuf, as ObjectDecoder does from JSON, and gives the same objects: what is small, and all metadata
 * but managedFields, at once; large members are checked, kept as bytes, and read for who asks.
 */
export class ProtobufObjects {
  readonly #codec: ProtobufCodec;
  readonly #decoder: MessageDecoder;
  readonly #reader: WireReader;
  /** For members that are read later: objects keep it, and must not keep the bytes of all the others with it. */
  readonly #lateDecoder: MessageDecoder;
  readonly #asked: GroupVersionKind;
  readonly #withoutManagedFields: boolean;
  readonly #previous: ReadOptions['previous'];
  /** An earlier state of the object that is read. */
  #last: Partial<KubeObject> | undefined;
  /** What makes values of the texts of a field. */
  readonly #makers = new Map<PlannedField, (text: string) => Frozen<object>>();
  /** Every object of a watch is of one kind, and says so in the same bytes. */
  #lastHead: Buffer = Buffer.alloc(0);
  #lastKind: Kind | undefined;

  /** `asked`: the kind of objects that are expected. */
  constructor(codec: ProtobufCodec, asked: GroupVersionKind, { bigints = false, withoutManagedFields = false, previous }: ReadOptions) {
    this.#codec = codec;
    this.#asked = asked;
    this.#withoutManagedFields = withoutManagedFields;
    this.#previous = previous;
    const decoder = (): MessageDecoder => new codec.MessageDecoder(codec.builtInTypes, { asJson: true, refusesUnknown: true, bigints });
    this.#decoder = decoder();
    this.#lateDecoder = decoder();
    this.#reader = this.#decoder.reader;
  }

  /**
   * The frozen object, or list of objects, of an envelope. Throws ProtobufError, and UnknownFieldError where the bytes hold more than this
   * version knows of.
   */
  read(bytes: Buffer, start: number, end: number): Frozen<object> {
    return this.#usual(bytes, start, end) ?? this.#any(bytes.subarray(start, end));
  }

  /** Of an envelope that begins as the last one did, and ends as every server ends it. */
  #usual(bytes: Buffer, start: number, end: number): Frozen<object> | undefined {
    const last = this.#lastKind;
    if (last === undefined || end - start < this.#lastHead.length || !beginsWith(bytes, start, this.#lastHead)) return undefined;
    const reader = this.#reader;
    reader.reset(bytes, start + this.#lastHead.length, end);
    if (!reader.passes(rawTag)) return undefined;
    reader.enter();
    const { at, end: to } = reader;
    return to + emptyFields.length === end && beginsWith(bytes, to, emptyFields) ? this.#ofKind(last, bytes, at, to) : undefined;
  }

  #any(bytes: Buffer): Frozen<object> {
    const { apiVersion, kind, raw } = this.#codec.readEnvelope(bytes);
    const found = this.#kind(apiVersion, kind);
    const reader = this.#reader;
    reader.reset(bytes, magicLength, bytes.length);
    if (reader.passes(typeTag)) {
      reader.skip(typeTag);
      this.#lastKind = found;
      this.#lastHead = Buffer.from(bytes.subarray(0, reader.at));
    }
    const start = raw.length === 0 ? 0 : raw.byteOffset - bytes.byteOffset;
    return this.#ofKind(found, bytes, start, start + raw.length);
  }

  #ofKind(kind: Kind, bytes: Buffer, start: number, end: number): Frozen<object> {
    return kind.items === undefined ? this.#object(kind, bytes, start, end) : this.#list(kind, kind.items, bytes, start, end);
  }

  #kind(apiVersion: string, kind: string): Kind {
    const { builtInTypes, planOf, ProtobufError } = this.#codec;
    const { group, version } = parseGroupVersion(apiVersion);
    const type = builtInTypes.kind(group, version, kind)?.type;
    if (type === undefined) throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
    const isList = kind === `${this.#asked.kind}List`;
    return {
      apiVersion,
      kind,
      plan: planOf(builtInTypes, type),
      items: isList ? this.#kind(groupVersion(this.#asked), this.#asked.kind) : undefined,
    };
  }

  #list({ apiVersion, kind, plan }: Kind, items: Kind, bytes: Buffer, start: number, end: number): Frozen<object> {
    const decoder = this.#decoder;
    const reader = this.#reader;
    const list: Draft = { kind, apiVersion };
    const found: Frozen<object>[] = [];
    decoder.reset(bytes, start, end);
    while (!reader.isDone) {
      const before = reader.at;
      const tag = reader.tag();
      if (plan.fields[tag >>> 3]?.json === 'items' && (tag & 7) === withLength) {
        reader.enter();
        const after = reader.end;
        found.push(this.#object(items, bytes, reader.at, after));
        decoder.reset(bytes, after, end);
      } else {
        reader.skip(tag);
        const after = reader.at;
        decoder.reset(bytes, before, after);
        decoder.members(plan, list);
        decoder.reset(bytes, after, end);
      }
    }
    decoder.addAbsent(plan, list);
    list['items'] = found.length === 0 ? null : Object.freeze(found);
    return Object.freeze(list);
  }

  #object({ apiVersion, kind, plan }: Kind, bytes: Buffer, start: number, end: number): Frozen<object> {
    this.#last = undefined;
    const draft = new Members();
    draft['kind'] = kind;
    draft['apiVersion'] = apiVersion;
    return this.#deferring(plan, draft, bytes, start, end) ?? this.#whole(plan, { kind, apiVersion }, bytes, start, end);
  }

  #whole(plan: Plan, draft: Draft, bytes: Buffer, start: number, end: number): Frozen<object> {
    this.#decoder.reset(bytes, start, end);
    return this.#decoder.read(plan, draft) as Frozen<object>; // it reads no functions
  }

  /** `draft` with the members of the message. Undefined when they do not come in the order of their numbers: it has to be read as a whole. */
  #deferring(plan: Plan, draft: Draft, bytes: Buffer, start: number, end: number): Frozen<object> | undefined {
    const decoder = this.#decoder;
    const reader = this.#reader;
    const cuts: DeferredMember[] = [];
    let last = 0;
    let eagerFrom = start;
    let before: object | undefined;
    const least = plan.name === objectMeta ? leastDeferredMetadataBytes : leastDeferredBytes;
    decoder.reset(bytes, start, end);
    while (!reader.isDone) {
      const { at } = reader;
      const tag = reader.tag();
      const field = plan.fields[tag >>> 3];
      if (tag >>> 3 <= last) return undefined;
      last = tag >>> 3;
      const valueFrom = reader.at;
      reader.skip(tag);
      if (field !== undefined && field.as !== 'value') while (reader.passes(tag)) reader.skip(tag);
      const to = reader.at;
      if (field !== undefined && to - at >= least && (tag & 7) === withLength && isContainer(field)) {
        this.#eager(plan, draft, bytes, eagerFrom, at);
        eagerFrom = to;
        if (field.plan?.name === objectMeta) {
          decoder.reset(bytes, valueFrom, to);
          reader.enter();
          const metadata = this.#deferring(field.plan, new Metadata(), bytes, reader.at, to);
          if (metadata === undefined) return undefined;
          draft[field.json] = metadata;
        } else {
          if (cuts.length === 0) before = this.#before(plan, draft);
          const text = reader.latin1(at, to);
          const same = before === undefined ? undefined : unreadMember(before, field.json);
          const isSame = same !== undefined && same.text === text;
          if (!isSame) {
            decoder.reset(bytes, at, to);
            decoder.check(plan);
          }
          if (field.json !== 'managedFields' || !this.#withoutManagedFields)
            cuts.push({ name: field.json, unread: isSame ? same : new Unread(text, true, this.#maker(plan, field)) });
        }
        decoder.reset(bytes, to, end);
      }
    }
    this.#eager(plan, draft, bytes, eagerFrom, end);
    for (const [json, value] of plan.absent) if (draft[json] === undefined && !cuts.some(({ name }) => name === json)) draft[json] = value;
    return defer(draft, cuts);
  }

  #eager(plan: Plan, draft: Draft, bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#decoder.reset(bytes, start, end);
    this.#decoder.members(plan, draft);
  }

  /** What the caller has of the object that is read, or of its metadata; `draft` has as much of it as comes first. */
  #before(plan: Plan, draft: Draft): object | undefined {
    if (plan.name !== objectMeta) return this.#last ?? this.#lookUp(draft['metadata'] ?? {});
    const { metadata }: Partial<KubeObject> = this.#lookUp(draft) ?? {};
    return metadata;
  }

  #lookUp(metadata: ObjectMeta): Partial<KubeObject> | undefined {
    const { name = '', namespace = '' } = metadata;
    this.#last = name === '' ? undefined : this.#previous?.(namespace, name);
    return this.#last;
  }

  #maker(plan: Plan, field: PlannedField): (text: string) => Frozen<object> {
    let maker = this.#makers.get(field);
    if (maker === undefined) {
      const decoder = this.#lateDecoder;
      maker = (text) => {
        decoder.reset(Buffer.from(text, 'latin1'), 0, text.length);
        const whole = decoder.read(plan, {}) as Readonly<Record<string, Frozen<object>>>; // it reads no functions
        return whole[field.json] ?? {}; // these bytes are its own
      };
      this.#makers.set(field, maker);
    }
    return maker;
  }
}

/** Of what has a length: texts, bytes, messages. */
const withLength = 2;
/** Of an envelope, behind its first bytes: what names the kind, field 1, and the message, field 2. */
const typeTag = (1 << 3) | withLength;
const rawTag = (2 << 3) | withLength;
const magicLength = 4;
/** Its end: no encoding, field 3, and no type of content, field 4. */
const emptyFields = Uint8Array.of((3 << 3) | withLength, 0, (4 << 3) | withLength, 0);
const objectMeta = 'meta.v1.ObjectMeta';

/**
 * Makes plain objects, which V8 gives room for as many members as such objects turn out to have: those of a literal get the rest of their
 * members into an array beside them, which grows with each three.
 */
const Members = plainObjects();
const Metadata = plainObjects();

function plainObjects(): new () => Draft {
  function made(): void {}
  made.prototype = Object.prototype;
  return made as unknown as new () => Draft; // that is what `new` makes with it
}

/** Whether the value is an object or an array. */
function isContainer(field: PlannedField): boolean {
  return (field.as !== 'value' || field.plan !== undefined) && field.as !== 'embedded' && canDefer(field.json);
}
