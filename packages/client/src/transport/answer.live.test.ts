import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type KubeObject, TransportError, type WatchFrame } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import { readContent } from './answer.ts';

const event = (name: string): string => `{"type":"ADDED","object":{"metadata":{"name":"${name}"}}}\n`;

/** A zipped answer to what was `asked`, and what is read of it. */
async function zipped(asked: 'watch' | 'follow') {
  const stream = new PassThrough();
  const stop = new AbortController();
  const scene = { stream, stop, isWhole: true };
  const content = await readContent(
    {
      request: { method: 'GET', path: '/things', query: [[asked, 'true']], headers: {} },
      status: 200,
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      signal: stop.signal,
      stream,
      isWhole: () => scene.isWhole,
      cancel: () => stream.destroy(),
    },
    new LiveRuntime().process('test'),
    {},
  );
  return Object.assign(scene, { content });
}

async function zippedWatch() {
  const { content, ...scene } = await zipped('watch');
  assert.ok('events' in content);
  const events = content.events[Symbol.asyncIterator]();
  const next = async (): Promise<string[] | undefined> => {
    const { done, value } = await events.next();
    return done === true ? undefined : (value as readonly WatchFrame[]).map(({ object }) => (object as KubeObject).metadata.name ?? '');
  };
  return { ...scene, events, next };
}

describe('a zipped answer that goes on', () => {
  test('each flush of a watch is told when it has come, wherever its bytes are torn', async () => {
    const { stream, next } = await zippedWatch();
    for (const name of ['a', 'b', 'c']) {
      const flushed = gzipSync(event(name) + event(`${name}2`));
      stream.write(flushed.subarray(0, 7));
      const told = next();
      stream.write(flushed.subarray(7));
      assert.deepEqual(await told, [name, `${name}2`]);
    }
    stream.end();
    assert.equal(await next(), undefined);
  });

  test('logs that are followed are unzipped as they come', async () => {
    const { stream, content } = await zipped('follow');
    assert.ok('body' in content && content.body.form === 'stream');
    const chunks = content.body.chunks[Symbol.asyncIterator]();
    for (const line of ['one\n', 'two\n']) {
      stream.write(gzipSync(line));
      assert.equal(Buffer.from((await chunks.next()).value as Uint8Array).toString(), line);
    }
    stream.end();
    assert.equal((await chunks.next()).done, true);
  });

  test('what is no zip, torn off or cut is a TransportError after what came before; what was given up ends', async () => {
    for (const breakIt of [
      (stream: PassThrough): unknown => stream.write('no zip'),
      (stream: PassThrough): unknown => stream.end(gzipSync(event('b')).subarray(0, 20)),
      (stream: PassThrough): unknown => stream.destroy(),
      (stream: PassThrough): unknown => stream.destroy(new Error('reset')),
    ]) {
      for (const isGivenUp of [false, true]) {
        const { stream, stop, next } = await zippedWatch();
        stream.write(gzipSync(event('a')));
        assert.deepEqual(await next(), ['a']);
        if (isGivenUp) stop.abort();
        breakIt(stream);
        if (isGivenUp) assert.equal(await next(), undefined);
        else await assert.rejects(next(), TransportError);
      }
    }
  });

  test('who stops reading lets go of the connection', async () => {
    const { stream, events, next } = await zippedWatch();
    stream.write(gzipSync(event('a')));
    assert.deepEqual(await next(), ['a']);
    await events.return?.();
    assert.ok(stream.destroyed);
    assert.equal(await next(), undefined);
  });
});

test('an answer over HTTP/2 that is whole before anybody reads it is read, as it is and zipped', async () => {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const isZipped = headers[':path'] === '/zipped';
    stream.respond(isZipped ? { 'content-encoding': 'gzip' } : {});
    stream.end(isZipped ? gzipSync(event('a')) : event('a'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`); // it listens on TCP
  const process = new LiveRuntime().process('test');
  try {
    for (const path of ['/', '/zipped']) {
      for (const asked of ['nothing', 'watch', 'follow']) {
        const stream = session.request({ ':path': path });
        const [headers] = (await once(stream, 'response')) as [Record<string, string>];
        while (!stream.closed) await new Promise((resolve) => setImmediate(resolve));
        const request = { method: 'GET', path, query: [[asked, 'true']], headers: {} } as const;
        const isWhole = (): boolean => stream.rstCode === 0;
        const content = await readContent(
          { request, status: 200, headers, signal: undefined, stream, isWhole, cancel: () => stream.close() },
          process,
          {},
        );
        const read: unknown[] = [];
        if ('events' in content) for await (const batch of content.events) read.push(...batch.map(({ object }) => object));
        else if (content.body.form === 'stream') for await (const chunk of content.body.chunks) read.push(Buffer.from(chunk).toString());
        else if (content.body.form === 'bytes') read.push(Buffer.from(content.body.bytes).toString());
        assert.deepEqual(read, [asked === 'watch' ? { metadata: { name: 'a' } } : event('a')], `${path} ${asked}`);
      }
    }
  } finally {
    session.destroy();
    server.close();
  }
});
