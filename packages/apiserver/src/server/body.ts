import {
  type Body,
  goQuote,
  JsonSyntaxError,
  newBadRequest,
  newStatusError,
  readJson,
  type Unstructured,
} from '@coracle/apimachinery';
import { DecodeError } from '@coracle/api';
import { apiVersionOf, type RequestContext, type ResourceDefinition } from '../registry/definition.ts';
import { bodyMediaType, type MediaType } from './negotiation.ts';

/** Bodies in other forms than JSON, by media type. */
export type BodyReaders = Readonly<Partial<Record<MediaType, (bytes: Uint8Array) => unknown>>>;

/** A body as a plain value; `duplicates` are the paths of keys that came again. */
export interface ReadBody {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/** How unknown and duplicate fields are answered (query parameter fieldValidation). */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export function fieldValidationOf(query: ReadonlyMap<string, string>): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  const shown = `fieldValidation: Unsupported value: ${goQuote(value)}: supported values: "Ignore", "Warn", "Strict"`;
  throw newStatusError(422, 'Invalid', `CreateOptions.meta.k8s.io "" is invalid: ${shown}`);
}

/** Reads a body that shall be a `kind`. Throws a 400 for what cannot be read, a 415 for media types that are not. */
export function readBody(body: Body | undefined, kind: string, readers: BodyReaders): ReadBody {
  if (body?.form === 'object') return { value: body.object, duplicates: [] };
  if (body?.form === 'stream') throw newBadRequest('the body of the request must not be a stream');
  const bytes = body?.bytes ?? new Uint8Array();
  const mediaType = bodyMediaType(body?.contentType ?? '');
  const unrecognized = (why: string): Error =>
    newBadRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${excerpt(bytes)})`);
  if (mediaType !== 'application/json') {
    const read = readers[mediaType];
    if (read === undefined) throw newStatusError(415, 'UnsupportedMediaType', `bodies in ${mediaType} are not read by this server`);
    try {
      return { value: read(bytes), duplicates: [] };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw unrecognized(error.message);
    }
  }
  try {
    const document = readJson(bytes, { bigints: true });
    const { value } = document;
    if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
      const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
      const struct = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
      throw unrecognized(`couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type ${struct}`);
    }
    return document;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw unrecognized(`couldn't get version/kind; json parse error: ${error.message}`);
  }
}

/** What upstream shows of a body that it does not recognise: text as it is when it looks like JSON, else hexadecimal. */
function excerpt(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>';
  const shown = bytes.subarray(0, 1024);
  const text = new TextDecoder().decode(shown);
  return text.startsWith('{') ? text : Buffer.from(shown).toString('hex');
}

/**
 * A body as an object of `definition`. Unknown and duplicate fields are refused, told or ignored as `validation` says. Throws a
 * 400 for another kind and for values of the wrong type.
 */
export function decodeObject(definition: ResourceDefinition, body: ReadBody, validation: FieldValidation, context: Pick<RequestContext, 'warn'>): Unstructured {
  const value = (body.value ?? {}) as Readonly<Record<string, unknown>>; // an object: readBody saw to that
  const apiVersion = apiVersionOf(definition);
  requireKind(definition, value, apiVersion);
  try {
    const { object, strictErrors } = definition.decode(value);
    const faults = [...strictErrors, ...body.duplicates.map((path) => `duplicate field "${path}"`)];
    if (faults.length > 0 && validation === 'Strict') {
      throw newBadRequest(`${definition.kind} in version "${definition.version}" cannot be handled as a ${definition.kind}: strict decoding error: ${faults.join(', ')}`);
    }
    if (validation === 'Warn') for (const fault of faults) context.warn(fault);
    return object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw newBadRequest(`${definition.kind} in version "${definition.version}" cannot be handled as a ${definition.kind}: ${error.message}`);
  }
}

function requireKind(definition: ResourceDefinition, value: Readonly<Record<string, unknown>>, apiVersion: string): void {
  const kind = typeof value['kind'] === 'string' ? value['kind'] : '';
  const version = typeof value['apiVersion'] === 'string' ? value['apiVersion'] : '';
  if ((kind === '' || kind === definition.kind) && (version === '' || version === apiVersion)) return;
  const shownKind = kind === '' ? definition.kind : kind;
  const shownVersion = version === '' ? apiVersion : version;
  const head = `${shownKind} in version "${shownVersion.slice(shownVersion.indexOf('/') + 1)}" cannot be handled as a ${definition.kind}:`;
  throw newBadRequest(`${head} no kind "${shownKind}" is registered for version "${shownVersion}" in scheme "pkg/runtime/scheme.go:111"`);
}
