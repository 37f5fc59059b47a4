import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkLinearizability, type RecordedCall, type SequentialModel } from './linearizability.ts';

/** A number that is read, written, or replaced where it is what was expected. */
type Input = { readonly read: true } | { readonly write: number } | { readonly swap: readonly [expected: number, next: number] };
type Output = number | 'ok' | 'refused';
type Call = RecordedCall<Input, Output>;

function take(state: number, input: Input): { readonly state: number; readonly output: Output } {
  if ('read' in input) return { state, output: state };
  if ('write' in input) return { state: input.write, output: 'ok' };
  return state === input.swap[0] ? { state: input.swap[1], output: 'ok' } : { state, output: 'refused' };
}

const register: SequentialModel<number, Input, Output> = {
  initial: () => 0,
  apply(state, input, output) {
    const taken = take(state, input);
    return taken.output === output ? taken.state : undefined;
  },
  applyUnknown: (state, input) => [take(state, input).state],
  fingerprint: String,
};

/** `from-to client input=output`; without `=output` the outcome is unknown. Inputs: `r`, `w1`, `s1>2`. */
function history(text: string): Call[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, from, to, client, input, output] = /^\s*(\d+)-(\d*) (\w+) ([^=]+)(?:=(\w+))?$/.exec(line) ?? [];
      assert.ok(client !== undefined && input !== undefined, line);
      const called = { client, input: inputOf(input), calledAt: Number(from) };
      if (output === undefined) return called;
      return { ...called, returned: { at: Number(to), output: output === 'ok' || output === 'refused' ? output : Number(output) } };
    });
}

function inputOf(text: string): Input {
  if (text === 'r') return { read: true };
  if (text.startsWith('w')) return { write: Number(text.slice(1)) };
  const [expected = Number.NaN, next = Number.NaN] = text.slice(1).split('>').map(Number);
  return { swap: [expected, next] };
}

const cases: readonly { readonly name: string; readonly text: string; readonly holds: boolean }[] = [
  { name: 'a read sees the write before it', text: '1-2 a w1=ok\n3-4 b r=1', holds: true },
  { name: 'a read after a write does not see what was before', text: '1-2 a w1=ok\n3-4 b r=0', holds: false },
  { name: 'a read beside a write sees either', text: '1-4 a w1=ok\n2-3 b r=0\n2-3 c r=1', holds: true },
  { name: 'once a read saw the write, a later one does too', text: '1-9 a w1=ok\n2-3 b r=1\n4-5 c r=0', holds: false },
  { name: 'two that begin where the other ends overlap', text: '1-2 a w1=ok\n2-3 b r=0', holds: true },
  { name: 'one of two swaps wins', text: '1-4 a s0>1=ok\n1-4 b s0>2=refused\n5-6 c r=1', holds: true },
  { name: 'two swaps of one value do not both win', text: '1-4 a s0>1=ok\n1-4 b s0>2=ok', holds: false },
  { name: 'a write of unknown outcome may have happened', text: '1- a w1\n3-4 b r=1', holds: true },
  { name: 'or may happen much later', text: '1- a w1\n3-4 b r=0\n5-6 b r=1', holds: true },
  { name: 'or never', text: '1- a w1\n3-4 b r=0\n5-6 b r=0', holds: true },
  { name: 'but not twice', text: '1- a w1\n2-3 b r=1\n4-5 b w2=ok\n6-7 b r=1', holds: false },
  { name: 'and not before it was asked', text: '1-2 b r=1\n3- a w1', holds: false },
];

for (const { name, text, holds } of cases) {
  test(name, () => {
    assert.equal(checkLinearizability(register, history(text)).verdict, holds ? 'linearizable' : 'not linearizable');
  });
}

test('what cannot be explained is named, after the longest sequence that can', () => {
  const calls = history('1-2 a w1=ok\n3-6 b r=0\n3-6 c r=2\n7-8 a w3=ok');
  const result = checkLinearizability(register, calls);
  assert.ok(result.verdict === 'not linearizable');
  assert.deepEqual(result.order, calls.slice(0, 1));
  assert.deepEqual(result.stuck, calls.slice(1, 3));
});

test('a search that takes too long is given up', () => {
  const beside = Array.from({ length: 12 }, (_, i) => `1-9 c${i} w${i + 1}=ok`);
  assert.equal(checkLinearizability(register, history([...beside, '10-11 r r=0'].join('\n')), { maxSteps: 50 }).verdict, 'undecided');
});

test('an operation that returned before it was called is a mistake of the recorder', () => {
  assert.throws(
    () => checkLinearizability(register, history('4-3 a r=0')),
    /^RangeError: Operation of client "a" returned at 3, before it was called at 4$/,
  );
});

test('ten thousand operations of eight clients need few steps', () => {
  const calls: Call[] = [];
  let state = 0;
  for (let i = 0; i < 10_000; i++) {
    // Eight overlap at any time, and take effect where they began.
    const input: Input = i % 3 === 0 ? { read: true } : i % 3 === 1 ? { write: i % 5 } : { swap: [i % 5, i % 7] };
    const taken = take(state, input);
    state = taken.state;
    calls.push({ client: `c${i % 8}`, input, calledAt: 2 * i, returned: { at: 2 * i + 15, output: taken.output } });
  }
  assert.equal(checkLinearizability(register, calls, { maxSteps: 200_000 }).verdict, 'linearizable');
});

test('the search agrees with trying every order, over random histories', () => {
  const input: fc.Arbitrary<Input> = fc.oneof(
    fc.constant<Input>({ read: true }),
    fc.record({ write: fc.nat(2) }),
    fc.record({ swap: fc.tuple(fc.nat(2), fc.nat(2)) }),
  );
  const output: fc.Arbitrary<Output> = fc.oneof(fc.nat(2), fc.constantFrom<Output>('ok', 'ok', 'refused'));
  const call = fc
    .tuple(input, output, fc.nat(8), fc.nat(6), fc.integer({ min: 0, max: 4 }))
    .map(([asked, told, calledAt, long, known]): Call => {
      const recorded = { client: 'c', input: asked, calledAt };
      return known === 0 ? recorded : { ...recorded, returned: { at: calledAt + long, output: told } };
    });
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(fc.array(call, { maxLength: 6 }), (calls) => {
      const expected = someOrderHolds(calls, 0);
      seen[`${expected}`]++;
      assert.equal(checkLinearizability(register, calls).verdict, expected ? 'linearizable' : 'not linearizable');
    }),
    { numRuns: 3000 },
  );
  assert.ok(seen.true > 300 && seen.false > 300, JSON.stringify(seen));
});

/** By the definition: some operation that nothing open precedes comes first, and the rest follows it. */
function someOrderHolds(open: readonly Call[], state: number): boolean {
  if (open.every(({ returned }) => returned === undefined)) return true;
  return open.some((first) => {
    if (open.some(({ returned }) => returned !== undefined && returned.at < first.calledAt)) return false;
    const taken = take(state, first.input);
    const explained = first.returned === undefined || first.returned.output === taken.output;
    return (
      explained &&
      someOrderHolds(
        open.filter((other) => other !== first),
        taken.state,
      )
    );
  });
}
