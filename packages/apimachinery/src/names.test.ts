import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDns1035Label, isDns1123Label, isDns1123Subdomain, isQualifiedName, isValidLabelValue, isValidPathSegment } from './names.ts';

const long = 'a'.repeat(64);
const tooLong = 'must be no more than 63 bytes';

for (const { rule, good, bad } of [
  { rule: isDns1123Label, good: ['a', '1-a', 'a'.repeat(63)], bad: ['', 'A', '-a', 'a-', 'a.b', 'a_b', 'a\n', long, 'ä'] },
  { rule: isDns1123Subdomain, good: ['a', 'a.b-1', `${'a'.repeat(126)}.${'b'.repeat(126)}`], bad: ['', '.a', 'a.', 'a..b', 'A.b', 'a'.repeat(254)] },
  { rule: isDns1035Label, good: ['a', 'a-1'], bad: ['', '1a', 'a-', 'A', long] },
  { rule: isQualifiedName, good: ['a', 'A_b.c-1', 'example.com/A'], bad: ['', '/a', 'a/', 'a/b/c', '-a', 'A.com/a', `${long}`] },
  { rule: isValidLabelValue, good: ['', 'a', 'A_b.c-1'], bad: ['-', '_a', 'a b', long, '\n'] },
  { rule: isValidPathSegment, good: ['a:b', '...', 'system:x'], bad: ['.', '..', 'a/b', 'a%b'] },
]) {
  for (const value of good) test(`${rule.name} takes "${value.slice(0, 20)}"`, () => assert.deepEqual(rule(value), []));
  for (const value of bad) test(`${rule.name} refuses "${value.slice(0, 20)}"`, () => assert.notDeepEqual(rule(value), []));
}

test('isDns1123Label says in upstream’s words what is wrong', () => {
  assert.deepEqual(isDns1123Label('a.b'), ['must not contain dots']);
  assert.deepEqual(isDns1123Label(long), ['must be no more than 63 characters']);
  assert.deepEqual(isDns1123Label('A'), [
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
});

test('isQualifiedName names the part that is wrong', () => {
  assert.deepEqual(isQualifiedName('/a'), ['prefix part must be non-empty']);
  assert.equal(isQualifiedName('A.com/a')[0]?.startsWith('prefix part a lowercase RFC 1123 subdomain must consist of'), true);
  assert.deepEqual(isQualifiedName(long), [`name part ${tooLong}`]);
  assert.deepEqual(isQualifiedName(`${'a'.repeat(254)}/b`), ['prefix part must be no more than 253 bytes']);
  assert.equal(isQualifiedName('a/b/c')[0]?.startsWith('a valid label key must consist of'), true);
  assert.equal(isQualifiedName('a/')[0], 'name part must be non-empty');
});

test('isValidPathSegment names each character', () => {
  assert.deepEqual(isValidPathSegment('a/%'), ["may not contain '/'", "may not contain '%'"]);
  assert.deepEqual(isValidPathSegment('..'), ["may not be '..'"]);
});
