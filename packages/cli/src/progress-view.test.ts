import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressView } from './progress-view.ts';
import type { Terminal } from './terminal.ts';

const line = (component: string, waitsFor: string) => ({ component, ready: waitsFor === '' ? 1 : 0, desired: 1, waitsFor });

function terminal(columns?: number, env: Terminal['env'] = { NO_COLOR: '1' }) {
  const state = { text: '', columns: columns ?? 0, resize: (): void => undefined };
  const screen = {
    columns: () => state.columns,
    onResize(listener: () => void) {
      state.resize = listener;
      return { [Symbol.dispose]: () => (state.resize = () => undefined) };
    },
  };
  const view = progressView({
    stdout: { write: (text) => (state.text += text) },
    stderr: { write: () => undefined },
    program: [],
    env,
    interrupted: new AbortController().signal,
    log: () => undefined,
    ...(columns === undefined ? {} : { screen }),
  });
  const taken = (): string => {
    const { text } = state;
    state.text = '';
    return text;
  };
  return { view, state, taken };
}

test('progressView() on a pipe prints a line for each change, and no escapes', () => {
  const { view, taken } = terminal();
  view.show([line('PD', 'a'), line('TiKV', 'b')]);
  view.show([line('PD', ''), line('TiKV', 'b')]);
  assert.equal(taken(), '  PD    0/1   waits for a\n  TiKV  0/1   waits for b\n  PD    1/1   ✓ ready\n');
});

test('progressView() on a screen changes its lines in place, below what stays', () => {
  const { view, taken } = terminal(80);
  view.show([line('PD', 'a'), line('TiKV', 'b')]);
  assert.equal(taken(), '  PD    0/1   waits for a\n  TiKV  0/1   waits for b\n');
  view.say('a line that stays');
  assert.equal(taken(), '\x1b[2F\x1b[Ja line that stays\n  PD    0/1   waits for a\n  TiKV  0/1   waits for b\n');
  view.end();
  view.say('done');
  assert.equal(taken(), 'done\n');
});

test('progressView() shortens lines to a narrow screen, and finds its block again after a resize broke them', () => {
  const { view, state, taken } = terminal(30);
  view.show([line('PD', 'something that takes many words')]);
  assert.equal(taken(), '  PD    0/1   waits for some…\n');
  state.columns = 10;
  state.resize();
  assert.equal(taken(), '\x1b[3F\x1b[J  PD    …\n');
  view[Symbol.dispose]();
  state.resize();
  assert.equal(taken(), '');
});

test('progressView() takes control characters of messages for spaces, and colours only without NO_COLOR', () => {
  const { view, taken } = terminal(80, {});
  view.show([line('PD', 'a\x1b[2Jb\nc'), line('TiKV', '')]);
  assert.equal(taken(), '  PD    0/1   waits for a [2Jb c\n  TiKV  1/1   \x1b[32m✓ ready\x1b[39m\n');
});

test('progressView() makes room for what others write', () => {
  const { view, state, taken } = terminal(80);
  view.show([line('PD', 'a')]);
  taken();
  view.aside(() => (state.text += 'warn: something\n'));
  assert.equal(taken(), '\x1b[1F\x1b[Jwarn: something\n  PD    0/1   waits for a\n');
});
