import {
  type ApiResponse,
  type Body,
  deepFreeze,
  type Frozen,
  newStatusError,
  type WatchFrame,
  type WireHeaders,
  writeJsonBytes,
} from '@coracle/apimachinery';
import { encodeWatchEvent } from '@coracle/api';
import { assert } from '@coracle/kernel';
import { type ApiObject, apiVersionOf, type ResourceDefinition } from '../registry/definition.ts';
import type { Listed } from '../registry/reader.ts';
import type { Stored } from '../storage/storage.ts';
import { type MediaType, notAcceptable, type Wanted } from './negotiation.ts';
import type { ProtobufForm } from './protobuf.ts';
import { bookmarkObject, type WatchEvent } from './watch.ts';

/** What a request came to, before it has a form. */
export type Answer =
  /** One object of a resource. `stored` is there when the object is just what the store holds. */
  | {
      readonly is: 'object';
      readonly status: number;
      readonly definition: ResourceDefinition;
      readonly object: ApiObject;
      readonly stored: Stored | undefined;
    }
  | { readonly is: 'list'; readonly definition: ResourceDefinition; readonly listed: Listed }
  | { readonly is: 'watch'; readonly definition: ResourceDefinition; readonly events: AsyncIterable<readonly WatchEvent[]> }
  /** Anything else in JSON: a Status, a review, discovery. */
  | {
      readonly is: 'value';
      readonly status: number;
      readonly value: Frozen<unknown>;
      readonly contentType?: string;
      readonly headers?: WireHeaders;
    }
  | {
      readonly is: 'bytes';
      readonly status: number;
      readonly contentType: string;
      readonly bytes: Uint8Array;
      readonly headers?: WireHeaders;
    }
  | { readonly is: 'stream'; readonly status: number; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> };

export interface RenderOptions {
  /** In process objects are handed over as they are; on the wire they are bytes. */
  readonly form: 'object' | 'bytes';
  readonly wanted: Wanted;
  /** Of a Table's rows: none, the metadata, or all of the object. */
  readonly includeObject: string;
  readonly nowMs: number;
  encode(value: Frozen<unknown>, mediaType: MediaType): Uint8Array;
  /** Where the wanted form is protobuf. */
  readonly protobuf: ProtobufForm | undefined;
}

const commonHeaders: WireHeaders = { 'cache-control': 'no-cache, private' };
const encoder = new TextEncoder();
const newline = encoder.encode('\n');

/** Gives an answer the form that the client wants. Throws a 406 where there is no such form. */
export function render(answer: Answer, options: RenderOptions): ApiResponse {
  switch (answer.is) {
    case 'object':
      return renderObject(answer, options);
    case 'list':
      return renderList(answer, options);
    case 'watch':
      return renderWatch(answer, options);
    case 'value':
      // In object form the body cannot carry its content type: then the headers do, as on the wire.
      return {
        status: answer.status,
        headers: {
          ...commonHeaders,
          ...(answer.contentType === undefined ? {} : { 'content-type': answer.contentType }),
          ...answer.headers,
        },
        body: valueBody(answer.value, options, answer.contentType),
      };
    case 'bytes':
      return {
        status: answer.status,
        headers: { ...commonHeaders, ...answer.headers },
        body: { form: 'bytes', contentType: answer.contentType, bytes: answer.bytes },
      };
    case 'stream':
      return {
        status: answer.status,
        headers: commonHeaders,
        body: { form: 'stream', contentType: answer.contentType, chunks: answer.chunks },
      };
  }
}

function renderObject(answer: Extract<Answer, { is: 'object' }>, options: RenderOptions): ApiResponse {
  const { status, definition, object, stored } = answer;
  const { wanted, form } = options;
  const headers = commonHeaders;
  switch (wanted.as) {
    case 'PartialObjectMetadata':
      return { status, headers, body: valueBody(partialMetadata(object, wanted.version), options) };
    case 'PartialObjectMetadataList':
      throw newStatusError(
        406,
        'NotAcceptable',
        `you requested PartialObjectMetadataList, but the requested object is not a list (${goType(definition)})`,
      );
    case 'Table': {
      const table = tableOf(definition, [object], { resourceVersion: object.metadata.resourceVersion ?? '' }, options, true);
      return { status, headers, body: valueBody(table, options) };
    }
    default: {
      const bytes = stored !== undefined && form === 'bytes' && definition.convert === undefined ? keptBytes(stored, options) : undefined;
      if (bytes !== undefined) return { status, headers, body: { form: 'bytes', contentType: wanted.mediaType, bytes } };
      return { status, headers, body: valueBody(object, options) };
    }
  }
}

/** What is kept of an object in the wanted form; undefined where that is made for each answer. */
function keptBytes(stored: Stored, { wanted, protobuf }: RenderOptions): Uint8Array | undefined {
  if (wanted.mediaType === 'application/vnd.kubernetes.protobuf') return protobuf?.stored(stored);
  return wanted.mediaType === 'application/json' && !wanted.pretty ? stored.bytes : undefined;
}

function renderList({ definition, listed }: Extract<Answer, { is: 'list' }>, options: RenderOptions): ApiResponse {
  const { wanted, form } = options;
  const metadata = {
    // Lists of custom resources always have the field, as upstream's, which are no structs.
    ...(listed.continue === '' && (!definition.typedItems || wanted.as !== 'object') ? {} : { continue: listed.continue }),
    resourceVersion: String(listed.revision),
    ...(listed.continue === '' || listed.remaining === undefined ? {} : { remainingItemCount: listed.remaining }),
  };
  const respond = (body: Body): ApiResponse => ({ status: 200, headers: commonHeaders, body });
  const objects = (): readonly ApiObject[] => listed.items.map((item) => served(definition, item));
  switch (wanted.as) {
    case 'Table':
      return respond(valueBody(tableOf(definition, objects(), metadata, options, true), options));
    case 'PartialObjectMetadataList':
    case 'PartialObjectMetadata': {
      const items = objects().map((object) => partialMetadata(object, wanted.version));
      return respond(
        valueBody(deepFreeze({ kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${wanted.version}`, metadata, items }), options),
      );
    }
    default: {
      const head = { kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata };
      if (form === 'bytes' && definition.convert === undefined && wanted.mediaType === 'application/json' && !wanted.pretty) {
        return respond({ form: 'bytes', contentType: 'application/json', bytes: joinItems(head, definition, listed.items) });
      }
      if (
        wanted.mediaType === 'application/vnd.kubernetes.protobuf' &&
        options.protobuf !== undefined &&
        definition.convert === undefined
      ) {
        return respond({ form: 'bytes', contentType: wanted.mediaType, bytes: options.protobuf.list(Object.freeze(head), listed.items) });
      }
      const items = definition.typedItems
        ? objects()
        : definition.convert === undefined
          ? listed.items.map(({ item }) => item)
          : objects().map(untyped);
      return respond(valueBody(Object.freeze({ ...head, metadata: Object.freeze(metadata), items: Object.freeze(items) }), options));
    }
  }
}

/**
 * The kept bytes of the items, joined: nothing is encoded again.
 *
 * From back to front, so that items are copied whole: what one has too much in front is overwritten by the one before it.
 */
function joinItems(head: object, definition: ResourceDefinition, items: readonly Stored[]): Uint8Array {
  const start = encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  // Every object of a kind starts with the same members, which items of built-in kinds go without: all but one byte of this.
  const prefix = definition.typedItems
    ? 0
    : `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},`.length - 1;
  assert(prefix < start.length, 'the start of a list is longer than that of an item');
  let length = start.length + Math.max(0, items.length - 1) + endOfList.length;
  for (const { bytes } of items) length += bytes.length - prefix;
  const out = Buffer.allocUnsafe(length);
  let at = length - endOfList.length;
  out.set(endOfList, at);
  for (let i = items.length - 1; i >= 0; i--) {
    const bytes = items[i]?.bytes;
    if (bytes === undefined) break;
    out.set(bytes, at - bytes.length);
    at -= bytes.length - prefix;
    out[at] = openBrace;
    if (i > 0) out[--at] = comma;
  }
  out.set(start, 0);
  return out;
}

const openBrace = 0x7b;
const comma = 0x2c;
const endOfList = encoder.encode(']}');

function renderWatch({ definition, events }: Extract<Answer, { is: 'watch' }>, options: RenderOptions): ApiResponse {
  const { wanted } = options;
  // YAML has no frames.
  if (wanted.mediaType === 'application/yaml')
    throw notAcceptable(['application/json', 'application/vnd.kubernetes.protobuf;stream=watch']);
  let isFirst = true;
  const frame = (event: WatchEvent): WatchFrame => {
    switch (event.type) {
      case 'ERROR':
        return { type: 'ERROR', object: event.status };
      case 'BOOKMARK':
        return { type: 'BOOKMARK', object: bookmarkFrame(definition, event, options, isFirst) };
      default: {
        const object = served(definition, event.stored);
        if (wanted.as === 'PartialObjectMetadata' || wanted.as === 'PartialObjectMetadataList')
          return { type: event.type, object: partialMetadata(object, wanted.version) };
        if (wanted.as !== 'Table') return { type: event.type, object };
        // Only the first Table of a stream says what its columns are.
        const table = tableOf(definition, [object], { resourceVersion: object.metadata.resourceVersion ?? '' }, options, isFirst);
        isFirst = false;
        return { type: event.type, object: table };
      }
    }
  };
  if (options.form === 'object') {
    return {
      status: 200,
      headers: { ...commonHeaders, 'content-type': 'application/json' },
      events: mapBatches(events, (batch) => batch.map(frame)),
    };
  }
  if (wanted.mediaType === 'application/vnd.kubernetes.protobuf') {
    const isKept = wanted.as === 'object' && definition.convert === undefined;
    const object = (event: WatchEvent): Uint8Array => {
      const kept = isKept && event.type !== 'BOOKMARK' && event.type !== 'ERROR' ? keptBytes(event.stored, options) : undefined;
      return kept ?? options.encode(frame(event).object, wanted.mediaType);
    };
    const chunks = mapBatches(events, (batch) => Buffer.concat(batch.flatMap((event) => protobufFrame(event.type, object(event)))));
    return {
      status: 200,
      headers: commonHeaders,
      body: { form: 'stream', contentType: 'application/vnd.kubernetes.protobuf;stream=watch', chunks },
    };
  }
  const isPlain = wanted.as === 'object' && definition.convert === undefined;
  const chunks = mapBatches(events, (batch) => {
    const parts: Uint8Array[] = [];
    for (const event of batch) {
      if (isPlain && event.type !== 'BOOKMARK' && event.type !== 'ERROR') parts.push(frameHeads[event.type], event.stored.bytes, frameEnd);
      else parts.push(writeJsonBytes(frame(event)), newline);
    }
    return Buffer.concat(parts);
  });
  return { status: 200, headers: commonHeaders, body: { form: 'stream', contentType: 'application/json', chunks } };
}

/** A frame is preceded by its length, big endian. */
function protobufFrame(type: WatchEvent['type'], object: Uint8Array): readonly Uint8Array[] {
  const frame = encodeWatchEvent(type, object);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(frame.length);
  return [length, frame];
}

const frameHeads = {
  ADDED: encoder.encode('{"type":"ADDED","object":'),
  MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
  DELETED: encoder.encode('{"type":"DELETED","object":'),
};
const frameEnd = encoder.encode('}\n');

function bookmarkFrame(
  definition: ResourceDefinition,
  event: Extract<WatchEvent, { type: 'BOOKMARK' }>,
  { wanted }: RenderOptions,
  isFirst: boolean,
): Frozen<unknown> {
  const kind = wanted.as === 'object' ? definition.kind : 'PartialObjectMetadata';
  const apiVersion = wanted.as === 'object' ? apiVersionOf(definition) : `meta.k8s.io/${wanted.version}`;
  const bookmark = bookmarkObject({ kind, apiVersion }, event.revision, event.isEndOfInitial);
  if (wanted.as !== 'Table') return bookmark;
  return deepFreeze({
    kind: 'Table',
    apiVersion,
    metadata: { resourceVersion: String(event.revision) },
    columnDefinitions: isFirst ? definition.columns.map(columnDefinition) : null,
    rows: [{ cells: definition.columns.map(() => null), object: bookmark }],
  });
}

/** Each batch as what `map` makes of it. A throw of `map` ends the batches, as leaving the iteration early does. */
function mapBatches<T, U>(batches: AsyncIterable<T>, map: (batch: T) => U): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<U, undefined> {
      const inner = batches[Symbol.asyncIterator]();
      const end = async (): Promise<IteratorResult<U, undefined>> => {
        await inner.return?.();
        return { done: true, value: undefined };
      };
      const mapped = (result: IteratorResult<T>): IteratorResult<U, undefined> | Promise<IteratorResult<U, undefined>> => {
        if (result.done === true) return { done: true, value: undefined };
        try {
          return { done: false, value: map(result.value) };
        } catch (error) {
          return end().then(() => Promise.reject(error));
        }
      };
      return { next: () => inner.next().then(mapped), return: end };
    },
  };
}

function served(definition: ResourceDefinition, stored: Stored): ApiObject {
  return definition.convert === undefined ? stored.object : definition.convert.fromStorage(stored.object);
}

function untyped(object: ApiObject): ApiObject {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest as ApiObject; // metadata is still there
}

function partialMetadata({ metadata }: ApiObject, version: string): Frozen<unknown> {
  return deepFreeze({ kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata });
}

function tableOf(
  definition: ResourceDefinition,
  objects: readonly ApiObject[],
  metadata: object,
  options: RenderOptions,
  withColumns: boolean,
): Frozen<unknown> {
  const { wanted, includeObject, nowMs } = options;
  const rows = objects.map((object) => ({
    cells: definition.cells(object, nowMs),
    object: includeObject === 'None' ? null : includeObject === 'Object' ? object : partialMetadata(object, wanted.version),
  }));
  return deepFreeze({
    kind: 'Table',
    apiVersion: `meta.k8s.io/${wanted.version}`,
    metadata,
    columnDefinitions: withColumns ? definition.columns.map(columnDefinition) : null,
    rows,
  });
}

function columnDefinition({ name, type, format, description, priority }: ResourceDefinition['columns'][number]): object {
  return { name, type, format, description: description ?? '', priority };
}

/** `*core.ConfigMap`: how a message of upstream names the type of an object. */
function goType({ group, kind }: ResourceDefinition): string {
  return `*${group === '' ? 'core' : (group.split('.')[0] ?? group)}.${kind}`;
}

function valueBody(value: Frozen<unknown>, { form, wanted, encode }: RenderOptions, contentType?: string): Body {
  if (form === 'object') return { form: 'object', object: value };
  return { form: 'bytes', contentType: contentType ?? wanted.mediaType, bytes: encode(value, wanted.mediaType) };
}
