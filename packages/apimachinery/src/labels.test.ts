import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { everything, labelMatcher, matcherOfSet, nothing, parseLabelSelector } from './labels.ts';

const sets = {
  front: { tier: 'front', n: '5' },
  back: { tier: 'back', n: '+07' },
  none: {},
  strange: JSON.parse('{"__proto__":"x","constructor":"","tier":""}') as Record<string, string>,
};

for (const { selector, want, text = selector } of [
  { selector: '', want: ['front', 'back', 'none', 'strange'] },
  { selector: ' \t', want: ['front', 'back', 'none', 'strange'], text: '' },
  { selector: 'tier', want: ['front', 'back', 'strange'] },
  { selector: '!tier', want: ['none'] },
  { selector: 'tier=front', want: ['front'] },
  { selector: 'tier == front', want: ['front'], text: 'tier=front' },
  { selector: 'tier=', want: ['strange'] },
  { selector: 'tier!=front', want: ['back', 'none', 'strange'] },
  { selector: 'tier in (front, back)', want: ['front', 'back'], text: 'tier in (back,front)' },
  { selector: 'tier notin (front)', want: ['back', 'none', 'strange'] },
  { selector: 'tier in ()', want: ['strange'] },
  { selector: 'tier in (,front)', want: ['front', 'strange'] },
  { selector: 'tier in (front,)', want: ['front', 'strange'], text: 'tier in (,front)' },
  { selector: 'n>6', want: ['back'] },
  { selector: 'n<6', want: ['front'] },
  { selector: 'tier,n>4,!x', want: ['front', 'back'], text: 'n>4,tier,!x' },
  { selector: 'tier=front,tier=back', want: [] },
  { selector: 'constructor', want: ['strange'] },
  { selector: 'in in (notin)', want: [] },
]) {
  test(`parseLabelSelector "${selector}"`, () => {
    const matcher = parseLabelSelector(selector);
    assert.deepEqual(Object.entries(sets).filter(([, labels]) => matcher.matches(labels)).map(([name]) => name), want);
    assert.equal(matcher.toString(), text);
  });
}

const badLabel =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
for (const { selector, message } of [
  { selector: '==', message: "found '==', expected: !, identifier, or 'end of string'" },
  { selector: '=x', message: "found '=', expected: !, identifier, or 'end of string'" },
  { selector: ',', message: "found ',', expected: !, identifier, or 'end of string'" },
  { selector: 'tier,', message: "found '', expected: identifier after ','" },
  { selector: 'tier=x,,n', message: "found ',', expected: identifier after ','" },
  { selector: '!tier=x', message: "found '=', expected: ',' or 'end of string'" },
  { selector: 'tier=x y', message: "found 'y', expected: ',' or 'end of string'" },
  { selector: 'a b', message: "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
  { selector: '!!a', message: "unable to parse requirement: found '!', expected: identifier" },
  { selector: 'a=(', message: "unable to parse requirement: found '(', expected: identifier" },
  { selector: 'tier in x', message: "unable to parse requirement: found 'x' expected: '('" },
  { selector: 'tier in (=', message: "unable to parse requirement: found '=', expected: ',', ')' or identifier" },
  { selector: 'tier in (a b)', message: "unable to parse requirement: found 'b', expected: ',' or ')'" },
  { selector: 'tier in (a,', message: "unable to parse requirement: found '', expected: ',', or identifier" },
  { selector: 'k'.repeat(70), message: `unable to parse requirement: <nil>: Invalid value: "${'k'.repeat(70)}": name part must be no more than 63 bytes` },
  { selector: 'tier=-', message: `unable to parse requirement: values[0][tier]: Invalid value: "-": ${badLabel}` },
  { selector: 'n>x', message: "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer" },
]) {
  test(`parseLabelSelector refuses "${selector.slice(0, 20)}"`, () => {
    assert.throws(() => parseLabelSelector(selector), { code: 400, reason: 'BadRequest', message });
  });
}

test('labelMatcher: no selector matches nothing, the empty one everything', () => {
  assert.equal(labelMatcher(undefined), nothing);
  assert.equal(labelMatcher({}), everything);
  assert.equal(nothing.matches({}), false);
});

test('labelMatcher takes labels and expressions together', () => {
  const matcher = labelMatcher({
    matchLabels: { tier: 'front' },
    matchExpressions: [
      { key: 'n', operator: 'In', values: ['5'] },
      { key: 'n', operator: 'Exists' },
      { key: 'x', operator: 'DoesNotExist' },
      { key: 'tier', operator: 'NotIn', values: ['back'] },
    ],
  });
  assert.ok(matcher.matches(sets.front));
  assert.ok(!matcher.matches(sets.back));
  assert.equal(matcher.toString(), 'n in (5),n,tier=front,tier notin (back),!x');
});

for (const operator of ['Equals', 'constructor', '']) {
  test(`labelMatcher refuses the operator "${operator}"`, () => {
    const message = `"${operator}" is not a valid label selector operator`;
    assert.throws(() => labelMatcher({ matchExpressions: [{ key: 'a', operator }] }), { message });
  });
}

test('matcherOfSet: the text of what was parsed selects the same', () => {
  const name = fc.stringMatching(/^[a-z]([-a-z0-9.]{0,8}[a-z0-9])?$/);
  fc.assert(
    fc.property(fc.dictionary(name, name), fc.dictionary(name, name), (set, labels) => {
      const matcher = matcherOfSet(set);
      assert.ok(matcher.matches({ ...labels, ...set }));
      assert.equal(parseLabelSelector(matcher.toString()).matches(labels), matcher.matches(labels));
    }),
  );
});
