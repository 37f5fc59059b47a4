import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { type KubeObject, TransportError, type WatchFrame } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import { WatchDecoder } from './watch-decoder.ts';
import { WatchFrames } from './watch-frames.ts';

function line(name: string, filler = ''): string {
  return `{"type":"ADDED","object":{"metadata":{"name":"${name}"},"filler":"${filler}"}}\n`;
}

interface Scene {
  readonly stream: Readable;
  readonly frames: WatchFrames;
  readonly stop: AbortController;
  /** Whether what still comes was let go of. */
  isCancelled(): boolean;
  isWhole: boolean;
}

function scene(read: () => void = () => undefined): Scene {
  const stream = new Readable({ read, highWaterMark: 1 });
  const stop = new AbortController();
  let isCancelled = false;
  const frames = new WatchFrames(
    {
      request: { method: 'GET', path: '/things', query: [], headers: {} },
      status: 200,
      headers: {},
      signal: stop.signal,
      stream,
      isWhole: () => made.isWhole,
      cancel: () => {
        isCancelled = true;
        stream.destroy();
      },
    },
    { process: new LiveRuntime().process('test'), decoder: new WatchDecoder({ path: '/things' }) },
  );
  const made: Scene = { stream, frames, stop, isCancelled: () => isCancelled, isWhole: true };
  return made;
}

function names(frames: readonly WatchFrame[] | undefined): string[] | undefined {
  return frames?.map(({ object }) => (object as KubeObject).metadata.name ?? '');
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('WatchFrames', () => {
  test('each chunk is a batch for who waits; what comes meanwhile is one', async () => {
    const { stream, frames } = scene();
    const first = frames.next();
    stream.push(line('a') + line('b').slice(0, 9));
    assert.deepEqual(names((await first).value), ['a']);
    stream.push(line('b').slice(9));
    stream.push(line('c'));
    await turn();
    assert.deepEqual(names((await frames.next()).value), ['b', 'c']);
    stream.push(null);
    assert.deepEqual(await frames.next(), { done: true, value: undefined });
    assert.deepEqual(await frames.next(), { done: true, value: undefined });
  });

  test('what came before a fault is told before it, and the fault once', async () => {
    const made = scene();
    const { stream, frames } = made;
    const first = frames.next();
    stream.push(line('a'));
    await first;
    stream.push(line('b'));
    await turn();
    stream.push('no json\n');
    await turn();
    assert.ok(made.isCancelled());
    assert.deepEqual(names((await frames.next()).value), ['b']);
    await assert.rejects(frames.next(), { name: TransportError.name, message: 'Cannot watch "/things": an event is not JSON' });
    assert.equal((await frames.next()).done, true);
  });

  test('a stream that was cut is a TransportError; one that was given up ends', async () => {
    for (const isGivenUp of [false, true]) {
      for (const cut of [
        (of: Scene): unknown => of.stream.push(null),
        (of: Scene): unknown => of.stream.destroy(),
        (of: Scene): unknown => of.stream.destroy(new Error('reset')),
      ]) {
        const made = scene();
        made.isWhole = false;
        if (isGivenUp) made.stop.abort();
        const next = made.frames.next();
        cut(made);
        if (isGivenUp) assert.equal((await next).done, true);
        else await assert.rejects(next, TransportError);
      }
    }
  });

  test('a stream that had ended before anybody read it says so', async () => {
    const made = scene();
    made.isWhole = false;
    made.stream.destroy();
    await turn();
    await assert.rejects(made.frames.next(), TransportError);
  });

  test('who stops reading lets go of the connection', async () => {
    const made = scene();
    made.stream.push(line('a'));
    for await (const _ of made.frames) break;
    assert.ok(made.isCancelled());
    assert.equal((await made.frames.next()).done, true);
  });

  test('who does not read makes the server wait after a mebibyte, and goes on where it was', async () => {
    let sent = 0;
    const filler = 'x'.repeat(60_000);
    const made = scene(() => {
      made.stream.push(sent === 100 ? null : line(String(sent++), filler));
    });
    const { frames } = made;
    const seen = names((await frames.next()).value) ?? [];
    for (let i = 0; i < 100; i++) await turn();
    assert.ok(sent >= 18 && sent < 25, `${sent} events were taken`);
    for await (const batch of frames) seen.push(...(names(batch) ?? []));
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
  });
});
