import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { deepFreeze } from '@coracle/apimachinery';
import { RestClient } from '../rest/rest-client.ts';
import type { ClosableTransport } from './http.ts';
import { httpTransport } from './http-transport.ts';

type Protocol = 'HTTP/1.1' | 'HTTP/2';

interface Scene extends AsyncDisposable {
  readonly transport: ClosableTransport;
  readonly rest: RestClient;
}

/** A client of a server that answers with `handler`, which is given the body too. */
async function serving(
  protocol: Protocol,
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<Scene> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    handler(request, response, Buffer.concat(parts).toString());
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => undefined); // the client gave up while it sent
  };
  const server = protocol === 'HTTP/1.1' ? createHttp1Server(listener) : createHttp2Server(listener as never); // HTTP/2 has the same methods for both
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const process = new LiveRuntime().process('test');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const transport = httpTransport({ process, config: { server: `http://127.0.0.1:${port}` }, protocol });
  return {
    transport,
    rest: new RestClient({ process, transport }),
    async [Symbol.asyncDispose]() {
      await transport.close();
      await process.stop();
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    },
  };
}

const json = { 'content-type': 'application/json' };

describe('many requests at once', () => {
  const names = Array.from({ length: 40 }, (_, i) => `request-${i}`);

  for (const protocol of ['HTTP/1.1', 'HTTP/2'] as const) {
    test(`many requests at once get each its own answer, over ${protocol}`, async () => {
      const held: (() => void)[] = [];
      await using scene = await serving(protocol, (request, response) => {
        // Answered in the opposite order, once all are there: who mixes them up is found.
        held.push(
          () =>
            void response
              .writeHead(200, json)
              .end(JSON.stringify({ echo: new URL(request.url ?? '', 'http://a').searchParams.get('echo') })),
        );
        if (held.length === names.length) for (const answer of held.reverse()) answer();
      });
      const ask = (name: string): Promise<unknown> => scene.rest.get().absPath('/x').param('echo', name).do();
      assert.deepEqual(
        await Promise.all(names.map(ask)),
        names.map((echo) => ({ echo })),
      );
    });

    test(`many requests at once that are refused first are each sent again as they were, over ${protocol}`, async () => {
      const seen = new Map<string, number>();
      await using scene = await serving(protocol, (_request, response, body) => {
        const tries = (seen.get(body) ?? 0) + 1;
        seen.set(body, tries);
        if (tries < 3) response.writeHead(429, { ...json, 'retry-after': '0' }).end('{}');
        else response.writeHead(200, json).end(body);
      });
      const send = (name: string): Promise<unknown> => scene.rest.post().absPath('/x').body(deepFreeze({ name })).do();
      assert.deepEqual(
        await Promise.all(names.map(send)),
        names.map((name) => ({ name })),
      );
      assert.deepEqual(
        [...seen.values()],
        names.map(() => 3),
      );
    });
  }

  test('the answer to a request that was given up is nobody’s: its connection is not used again', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const sockets: unknown[] = [];
    await using scene = await serving('HTTP/1.1', (request, response) => {
      sockets.push(request.socket);
      if (request.url === '/late') arrived.resolve(response);
      else response.writeHead(200, json).end('{"in":"time"}');
    });
    const giveUp = new AbortController();
    const late = assert.rejects(scene.rest.get().absPath('/late').do(giveUp.signal), { message: 'enough' });
    const response = await arrived.promise;
    const closed = once(response, 'close');
    giveUp.abort(new Error('enough'));
    await late;
    await closed;
    response.writeHead(200, json).end('{"in":"vain"}');
    assert.deepEqual(await scene.rest.get().absPath('/x').do(), { in: 'time' });
    assert.equal(sockets.length, 2);
    assert.notEqual(sockets[0], sockets[1]);
  });
});
