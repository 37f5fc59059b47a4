import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GoRegexp } from './go-regexp.ts';
import { RegexpSyntaxError } from './go-regexp-syntax.ts';

const matches = [
  { pattern: '^[a-z]*$', yes: ['', 'abc'], no: ['aB', 'a\n'] },
  { pattern: 'b+', yes: ['abc', 'bb'], no: ['', 'ac'] },
  { pattern: '^(a|bc){2,3}$', yes: ['aa', 'abca'], no: ['a', 'aaaa'] },
  { pattern: '^a{0}$', yes: [''], no: ['a'] },
  { pattern: '^x{2,}$', yes: ['xx', 'xxxx'], no: ['x'] },
  { pattern: '^(?i)abc$', yes: ['ABC', 'abc'], no: ['abd'] },
  { pattern: '^(?i:a)b$', yes: ['Ab'], no: ['AB'] },
  { pattern: '(?m)^b$', yes: ['a\nb\nc'], no: ['ab'] },
  { pattern: '^.$', yes: ['x', '🙂'], no: ['\n', 'xy'] },
  { pattern: '(?s)^.$', yes: ['\n'], no: ['xy'] },
  { pattern: String.raw`^\d+\.\w\s\S$`, yes: ['12._ x'], no: ['12._  '] },
  { pattern: String.raw`\bfoo\b`, yes: ['a foo b', 'foo'], no: ['food'] },
  { pattern: String.raw`^[\p{L}\p{S}]+$`, yes: ['åß+'], no: ['a1'] },
  { pattern: String.raw`^\p{Greek}\P{Greek}$`, yes: ['αa'], no: ['aα'] },
  { pattern: '^[[:alpha:][:^ascii:]-]+$', yes: ['aZ-é'], no: ['1'] },
  { pattern: '^[^]a]+$', yes: ['b'], no: [']', 'a'] },
  { pattern: '^[]a]+$', yes: [']a'], no: ['b'] },
  { pattern: String.raw`^\Qa.b\E$`, yes: ['a.b'], no: ['axb'] },
  { pattern: String.raw`^\x41\x{1F642}\101$`, yes: ['A🙂A'], no: ['AA'] },
  { pattern: '^a{,2}$', yes: ['a{,2}'], no: ['aa'] },
  { pattern: '(?P<name>a)(?<other>b)', yes: ['ab'], no: ['a'] },
  { pattern: '^(|a)+$', yes: ['', 'aaa'], no: ['b'] },
  { pattern: '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', yes: ['1Gi', '-0.5', '1e3'], no: ['', 'Gi'] },
];

for (const { pattern, yes, no } of matches) {
  test(`GoRegexp ${pattern} matches as Go's`, () => {
    const regexp = new GoRegexp(pattern);
    for (const text of yes) assert.equal(regexp.test(text), true, JSON.stringify(text));
    for (const text of no) assert.equal(regexp.test(text), false, JSON.stringify(text));
  });
}

const refused = [
  { pattern: '(', message: 'missing closing ): `(`' },
  { pattern: 'a)', message: 'unexpected ): `a)`' },
  { pattern: '(?=x)', message: 'invalid or unsupported Perl syntax: `(?=`' },
  { pattern: '(?<!x)', message: 'invalid named capture: `(?<!x)`' },
  { pattern: '*a', message: 'missing argument to repetition operator: `*`' },
  { pattern: 'a**', message: 'invalid nested repetition operator: `**`' },
  { pattern: 'a{1001}', message: 'invalid repeat count: `{1001}`' },
  { pattern: '(a{100}){100}', message: 'invalid repeat count: `{100}`' },
  { pattern: '[a', message: 'missing closing ]: `[a`' },
  { pattern: '[z-a]', message: 'invalid character class range: `z-a`' },
  { pattern: String.raw`\p{Nope}`, message: 'invalid character class range: `\\p{Nope}`' },
  { pattern: String.raw`(a)\1`, message: 'invalid escape sequence: `\\1`' },
  { pattern: 'a\\', message: 'trailing backslash at end of expression: ``' },
];

for (const { pattern, message } of refused) {
  test(`GoRegexp refuses ${pattern}`, () => {
    assert.throws(
      () => new GoRegexp(pattern),
      (error) => error instanceof RegexpSyntaxError && error.message === message,
    );
  });
}

test('GoRegexp takes linear time where backtracking takes exponential time', () => {
  assert.equal(new GoRegexp('^(a|a)*(a*)*b$').test('a'.repeat(20_000)), false);
});

test('GoRegexp agrees with JavaScript on what both mean alike', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '[^a]', '.', '(a|b)', '(?:ab)');
  const item = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,2}')).map((parts) => parts.join(''));
  const pattern = fc.array(item, { maxLength: 5 }).map((items) => `^${items.join('')}$`);
  fc.assert(
    fc.property(pattern, fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 }), (source, chars) => {
      const text = chars.join('');
      assert.equal(new GoRegexp(source).test(text), new RegExp(source, 'u').test(text));
    }),
  );
});
