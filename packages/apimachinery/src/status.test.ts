import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldError, omitValue } from './field-error.ts';
import { goJson, goQuote } from './quote.ts';
import { StatusError, statusErrorOf, statusOf } from './status.ts';
import {
  newAlreadyExists,
  newConflict,
  newForbidden,
  newGenericServerResponse,
  newInternalError,
  newInvalid,
  newNotFound,
  newServerTimeout,
  newTooManyRequests,
} from './status-errors.ts';
import { isConflict, isNotFound, suggestedDelaySeconds } from './status-predicates.ts';

const pods = { group: '', resource: 'pods' };
const deployments = { group: 'apps', resource: 'deployments' };

for (const { error, code, reason, message, details } of [
  { error: newNotFound(deployments, 'web'), code: 404, reason: 'NotFound', message: 'deployments.apps "web" not found', details: { name: 'web', group: 'apps', kind: 'deployments' } },
  { error: newAlreadyExists(pods, 'a'), code: 409, reason: 'AlreadyExists', message: 'pods "a" already exists', details: { name: 'a', kind: 'pods' } },
  { error: newConflict(pods, 'a', 'why'), code: 409, reason: 'Conflict', message: 'Operation cannot be fulfilled on pods "a": why', details: { name: 'a', kind: 'pods' } },
  { error: newForbidden(pods, '', 'no'), code: 403, reason: 'Forbidden', message: 'pods is forbidden: no', details: { kind: 'pods' } },
  { error: newForbidden({ group: '', resource: '' }, '', 'no'), code: 403, reason: 'Forbidden', message: 'forbidden: no', details: {} },
  { error: newTooManyRequests('slow', 3), code: 429, reason: 'TooManyRequests', message: 'slow', details: { retryAfterSeconds: 3 } },
  { error: newInternalError('x'), code: 500, reason: 'InternalError', message: 'Internal error occurred: x', details: { causes: [{ message: 'x' }] } },
]) {
  test(`a Status says: ${message}`, () => {
    assert.deepEqual(error.status, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code });
    assert.equal(error.message, message);
  });
}

test('newInvalid lists each fault as a cause, and equal ones once in the message', () => {
  const faults = [FieldError.required('spec.a', ''), FieldError.invalid('spec.b', 'x<y', 'bad'), FieldError.required('spec.a', '')];
  const { status } = newInvalid({ group: 'apps', kind: 'Deployment' }, 'web', faults);
  assert.equal(status.message, 'Deployment.apps "web" is invalid: [spec.a: Required value, spec.b: Invalid value: "x<y": bad]');
  assert.equal(status.details?.causes?.length, 3);
  assert.deepEqual(status.details?.causes?.[1], { reason: 'FieldValueInvalid', message: 'Invalid value: "x<y": bad', field: 'spec.b' });
});

for (const { error, text } of [
  { error: FieldError.invalid('a', { b: '<' }, 'no'), text: 'a: Invalid value: {"b":"\\u003c"}: no' },
  { error: FieldError.invalid('a', -1, 'no'), text: 'a: Invalid value: -1: no' },
  { error: FieldError.invalid('a', omitValue, 'no'), text: 'a: Invalid value: no' },
  { error: FieldError.notSupported('a', 'x', ['y', 'z']), text: 'a: Unsupported value: "x": supported values: "y", "z"' },
  { error: FieldError.tooMany('a', 3, 1), text: 'a: Too many: 3: must have at most 1 item' },
  { error: FieldError.tooLong('a', 63), text: 'a: Too long: may not be more than 63 bytes' },
  { error: FieldError.duplicate('a', 'x'), text: 'a: Duplicate value: "x"' },
  { error: FieldError.forbidden('a', 'no'), text: 'a: Forbidden: no' },
]) {
  test(`FieldError: ${text}`, () => assert.equal(error.text, text));
}

test('statusErrorOf finds a Status among the causes, and ends on circles', () => {
  const refused = newNotFound(pods, 'a');
  const wrapped = new Error('Cannot get the pod', { cause: new Error('…', { cause: refused }) });
  assert.equal(statusErrorOf(wrapped), refused);
  assert.ok(isNotFound(wrapped));
  assert.ok(!isConflict(wrapped));
  const circle = new Error('a');
  circle.cause = circle;
  assert.equal(statusErrorOf(circle), undefined);
  assert.equal(statusErrorOf('text'), undefined);
});

test('statusOf answers 500 without a reason for any other error', () => {
  assert.deepEqual(statusOf(new TypeError('x')), { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'x', code: 500 });
  assert.equal(statusOf('x').message, 'x');
  assert.equal(new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {} }).code, 500);
});

test('suggestedDelaySeconds is what the server said', () => {
  assert.equal(suggestedDelaySeconds(newTooManyRequests('slow', 3)), 3);
  assert.equal(suggestedDelaySeconds(newServerTimeout(pods, 'get', 0)), 0);
  assert.equal(suggestedDelaySeconds(newNotFound(pods, 'a')), undefined);
});

test('newGenericServerResponse keeps the answer as a cause where a Status was expected', () => {
  const { status } = newGenericServerResponse({ code: 418, verb: 'GET', resource: pods, name: 'a', serverMessage: 'teapot', isUnexpected: true });
  assert.equal(status.message, 'the server responded with the status code 418 but did not return more information (get pods a)');
  assert.deepEqual(status.details?.causes, [{ reason: 'UnexpectedServerResponse', message: 'teapot' }]);
});

for (const { text, want } of [
  { text: 'a"b\\', want: '"a\\"b\\\\"' },
  { text: '\n\t\u0000\u007f', want: '"\\n\\t\\x00\\x7f"' },
  { text: 'ä☃😀', want: '"ä☃😀"' },
  { text: '\u200b\u{e0001}', want: '"\\u200b\\U000e0001"' },
]) {
  test(`goQuote ${JSON.stringify(text)}`, () => assert.equal(goQuote(text), want));
}

test('goJson writes as json.Marshal does', () => {
  assert.equal(goJson({ b: '<&>', a: [1n, null], gone: undefined }), '{"b":"\\u003c\\u0026\\u003e","a":[1,null]}');
});
