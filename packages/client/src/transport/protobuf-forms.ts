import { type Frozen, groupVersion, type GroupVersionKind, TransportError, type WireHeaders } from '@coracle/apimachinery';
import type { ReadOptions } from './object-decoder.ts';
import { type ProtobufCodec, ProtobufObjects } from './protobuf-objects.ts';
import { ProtobufWatchDecoder } from './protobuf-watch-decoder.ts';
import type { FrameDecoder } from './watch-decoder.ts';
import type { WireRequest } from './wire-request.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const json = 'application/json';

/** How the answers to one request are read from protobuf. */
export interface ProtobufForm {
  /** Of a watch. */
  readonly decoder: () => FrameDecoder;
  /** Of any other request. Throws TransportError. */
  readonly read: (bytes: Uint8Array) => Frozen<object>;
}

/** What the server is asked, and how its answer is read if it is in protobuf. */
export interface FormedRequest {
  readonly request: WireRequest;
  readonly form: ProtobufForm | undefined;
}

/**
 * Which kinds are asked for in protobuf, as client-go's generated clients ask for all built-in ones: half of the bytes, and a fraction of the
 * work. A server that knows fields which this version does not is asked in JSON from then on, so that none is lost.
 */
export class ProtobufForms {
  #loading: Promise<ProtobufCodec> | undefined;
  // By name: kinds of which an object held something that is unknown here.
  readonly #jsonOnly = new Set<string>();

  /** The request in the form in which it should be sent. `kind`: of the objects that it asks for. */
  async formed(request: WireRequest, kind: GroupVersionKind, options: ReadOptions): Promise<FormedRequest> {
    const asJson = { request, form: undefined };
    if (request.headers['accept'] !== json || !maybeBuiltIn(kind.group) || this.#jsonOnly.has(nameOf(kind))) return asJson;
    this.#loading ??= import('@coracle/api/protobuf');
    const codec = await this.#loading;
    if (codec.builtInTypes.kind(kind.group, kind.version, kind.kind) === undefined) return asJson;
    const { path } = request;
    const objects = new ProtobufObjects(codec, kind, options);
    const noted = <T>(read: () => T): T => {
      try {
        return read();
      } catch (error) {
        if (isUnknownField(error)) this.#jsonOnly.add(nameOf(kind));
        throw error;
      }
    };
    return {
      request: { ...request, headers: { ...request.headers, accept: `${protobuf},${json}` } },
      form: {
        decoder: () => {
          const decoder = new ProtobufWatchDecoder(path, codec, objects);
          return { push: (chunk) => noted(() => decoder.push(chunk)) };
        },
        read: (bytes) => noted(() => readAnswer(objects, bytes, path)),
      },
    };
  }
}

/** Whether an answer is in protobuf. */
export function isProtobuf(headers: WireHeaders): boolean {
  return headers['content-type']?.startsWith(protobuf) === true;
}

/** Whether a TransportError tells of a field that this version does not know. */
export function isUnknownField(error: unknown): boolean {
  return error instanceof TransportError && error.cause instanceof Error && error.cause.name === 'UnknownFieldError';
}

function readAnswer(objects: ProtobufObjects, bytes: Uint8Array, path: string): Frozen<object> {
  try {
    return objects.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
  } catch (cause) {
    throw new TransportError(`Cannot read the answer to GET ${path}`, { executed: 'unknown', cause });
  }
}

/** Groups of Kubernetes have no dot or end like this; the facts are not loaded for others. */
function maybeBuiltIn(group: string): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}

function nameOf(kind: GroupVersionKind): string {
  return `${groupVersion(kind)} ${kind.kind}`;
}
