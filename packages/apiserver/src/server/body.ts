import {
  type Body,
  goQuote,
  JsonSyntaxError,
  FieldError,
  newBadRequest,
  newInvalid,
  newStatusError,
  parseGroupVersion,
  readJson,
  type Unstructured,
} from '@coracle/apimachinery';
import { builtInTypes, DecodeError } from '@coracle/api';
import { apiVersionOf, type RequestContext, type ResourceDefinition } from '../registry/definition.ts';
import { bodyMediaType, type MediaType } from './negotiation.ts';

/** Bodies in other forms than JSON, by media type. */
export type BodyReaders = Readonly<Partial<Record<MediaType, (bytes: Uint8Array) => Omit<ReadBody, 'duplicates'>>>>;

/** A body as a plain value; `duplicates` are the paths of keys that came again. */
export interface ReadBody {
  readonly value: unknown;
  readonly duplicates: readonly string[];
  /** What else a strict reader does not take, in its own words. */
  readonly faults?: readonly string[];
}

/** How unknown and duplicate fields are answered (query parameter fieldValidation). */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export function fieldValidationOf(query: ReadonlyMap<string, string>, optionsKind: OptionsKind): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw newInvalid({ group: 'meta.k8s.io', kind: optionsKind }, '', [
    FieldError.notSupported('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']),
  ]);
}

/** Of what the query's parameters are fields. */
export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

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
      return { ...read(bytes), duplicates: [] };
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

/** How a refusal of a decoder reaches the client: `kind` and `version` are those that the value says it has. */
export type RefuseDecoding = (why: string, said: { readonly kind: string; readonly version: string }) => Error;

/**
 * A body as an object of `definition`. Unknown and duplicate fields are refused, told or ignored as `validation` says. Throws
 * what `refuse` makes (a 400) for another kind and for values of the wrong type.
 */
export function decodeObject(
  definition: ResourceDefinition,
  body: ReadBody,
  validation: FieldValidation,
  context: Pick<RequestContext, 'warn'>,
  refuse: RefuseDecoding = refusalFor(definition),
): Unstructured {
  const value = (body.value ?? {}) as Readonly<Record<string, unknown>>; // an object: readBody saw to that
  requireKind(definition, value, refuse);
  try {
    const { object, strictErrors } = definition.decode(value);
    const faults = [...(body.faults ?? []), ...strictErrors, ...body.duplicates.map((path) => `duplicate field ${goQuote(path)}`)];
    reportStrictFaults(faults, validation, context, (text) => refuse(text, definition));
    return object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw refuse(error.message, definition);
  }
}

function refusalFor({ kind: wanted }: ResourceDefinition): RefuseDecoding {
  return (why, { kind, version }) => newBadRequest(`${kind} in version ${goQuote(version)} cannot be handled as a ${wanted}: ${why}`);
}

/** Refuses (with the error that `refuse` makes), tells or ignores what a strict decoder does not take. */
export function reportStrictFaults(
  faults: readonly string[],
  validation: FieldValidation,
  context: Pick<RequestContext, 'warn'>,
  refuse: (text: string) => Error,
): void {
  if (faults.length > 0 && validation === 'Strict') throw refuse(`strict decoding error: ${faults.join(', ')}`);
  if (validation === 'Warn') for (const fault of faults) context.warn(fault);
}

function requireKind(definition: ResourceDefinition, value: Readonly<Record<string, unknown>>, refuse: RefuseDecoding): void {
  const apiVersion = apiVersionOf(definition);
  const kind = typeof value['kind'] === 'string' && value['kind'] !== '' ? value['kind'] : definition.kind;
  const said = typeof value['apiVersion'] === 'string' && value['apiVersion'] !== '' ? value['apiVersion'] : apiVersion;
  if (kind === definition.kind && said === apiVersion) return;
  const { group, version } = parseGroupVersion(said);
  // A kind that exists is another one; else there is none of that name.
  const wanted = `${internalPackage(definition.group)}.${definition.kind}`;
  const isKnown = builtInTypes.kind(group, version, kind) !== undefined;
  const why = isKnown
    ? `converting (${version}.${kind}) to (${wanted}): unknown conversion`
    : `no kind ${goQuote(kind)} is registered for version ${goQuote(said)} in scheme "pkg/runtime/scheme.go:111"`;
  throw refuse(why, { kind, version });
}

/** The Go package of a group's internal types: `core`, `apps`, `rbac`. */
function internalPackage(group: string): string {
  return group === '' ? 'core' : (group.split('.')[0] ?? group);
}
