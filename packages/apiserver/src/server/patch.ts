import {
  applyJsonPatch,
  applyMergePatch,
  type Body,
  compareBytes,
  FieldError,
  type Frozen,
  goQuote,
  JsonSyntaxError,
  newBadRequest,
  newInvalid,
  newStatusError,
  readJson,
} from '@coracle/apimachinery';
import { goValue } from '@coracle/api';
import type { ApiObject, RequestContext, StrategicMerge } from '../registry/definition.ts';
import { type FieldValidation, reportStrictFaults } from './body.ts';

/** A patch, read: a function of the current object. */
export interface Patch {
  apply(current: Frozen<unknown>): unknown;
  /** Keys of the patch itself that came again. */
  readonly duplicates: readonly string[];
  /** What the patch has made cannot be read as the kind: 422, which shows it. */
  refused(made: unknown, current: Frozen<unknown>, why: string): Error;
}

export interface SentPatch {
  readonly body: Body | undefined;
  readonly contentType: string;
  readonly validation: FieldValidation;
  readonly context: Pick<RequestContext, 'warn'>;
}

const patchTypes =
  'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, application/strategic-merge-patch+json';
const operationMembers: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/**
 * Reads a patch (apiserver pkg/endpoints/handlers/patch.go). Throws a 415 for its media type, where the kind has no strategic
 * merge and for server-side apply; a 400 for what cannot be read.
 */
export function readPatch(sent: SentPatch, strategic: StrategicMerge | undefined): Patch {
  switch (sent.contentType.split(';')[0]?.trim() ?? '') {
    case 'application/json-patch+json':
      return jsonPatch(sent);
    case 'application/merge-patch+json': {
      const { value, duplicates } = readObject(sent.body);
      return { apply: (current) => applyMergePatch(current, value), duplicates, refused: showMade };
    }
    case 'application/strategic-merge-patch+json': {
      if (strategic === undefined)
        throw unsupportedPatch('application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml');
      const { value, duplicates } = readObject(sent.body);
      return {
        apply: (current) => strategic(current as ApiObject, value), // only objects of the kind are patched
        duplicates,
        refused: (_made, _current, why) => invalidPatch(goValue(value), why),
      };
    }
    case 'application/apply-patch+yaml':
      throw newStatusError(415, 'UnsupportedMediaType', 'server-side apply is not implemented by this server; use client-side apply');
    default:
      throw unsupportedPatch(patchTypes);
  }
}

function jsonPatch({ body, validation, context }: SentPatch): Patch {
  const { value, duplicates } = body?.form === 'object' ? { value: body.object, duplicates: [] } : readOperations(body);
  const unknown = (Array.isArray(value) ? value : []).flatMap((operation: unknown, i) =>
    typeof operation === 'object' && operation !== null
      ? Object.keys(operation).flatMap((key) => (operationMembers.has(key) ? [] : [`unknown field "[${i}].${key}"`]))
      : [],
  );
  const faults = [...unknown, ...duplicates.map((path) => `duplicate field ${goQuote(path)}`)].map((fault) => `json patch ${fault}`);
  reportStrictFaults(faults, validation, context, (text) => newBadRequest(text));
  return { apply: (current) => applyJsonPatch(current, value), duplicates: [], refused: showMade };
}

interface Read {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

function readOperations(body: Body | undefined): Read {
  try {
    return readJson(bytesOf(body), { bigints: true });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw newBadRequest(`error decoding patch: ${error.message}`);
  }
}

function readObject(body: Body | undefined): Read {
  if (body?.form === 'object') return { value: body.object, duplicates: [] };
  let read: Read;
  try {
    read = readJson(bytesOf(body), { bigints: true });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw newBadRequest('invalid JSON patch');
  }
  const { value } = read;
  if (typeof value === 'object' && !Array.isArray(value)) return read;
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value === 'bigint' ? 'number' : typeof value;
  throw newBadRequest(`json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
}

function bytesOf(body: Body | undefined): Uint8Array {
  return body?.form === 'bytes' ? body.bytes : new Uint8Array();
}

function unsupportedPatch(accepted: string): Error {
  return newStatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}

function showMade(made: unknown, current: Frozen<unknown>, why: string): Error {
  return invalidPatch(
    JSON.stringify(touchedInOrder(made, current), (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    why,
  );
}

function invalidPatch(shown: string, why: string): Error {
  return newInvalid({ group: '', kind: '' }, '', [FieldError.invalid('patch', shown, why)]);
}

/** As upstream's patch library prints its result: the members of what it touched in order, the rest as it was. */
function touchedInOrder(made: unknown, before: unknown): unknown {
  if (made === before || typeof made !== 'object' || made === null || Array.isArray(made)) return made;
  const old = typeof before === 'object' && before !== null ? (before as Readonly<Record<string, unknown>>) : {};
  return Object.fromEntries(
    Object.entries(made)
      .toSorted(([a], [b]) => compareBytes(a, b))
      .map(([key, value]) => [key, touchedInOrder(value, Object.hasOwn(old, key) ? old[key] : undefined)]),
  );
}
