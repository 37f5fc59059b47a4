import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { LiveRuntime } from '@coracle/kernel';
import { TestAuthority } from '../fixtures/certificates.ts';
import { listen } from './http-server.ts';
import { TlsListener } from './tls-listener.ts';

/** What a caller gets on a connection of its own, and whose certificate it saw. */
function asked(port: number, ca: string, body: string): Promise<{ readonly text: string; readonly serial: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/p', method: 'POST', ca, agent: false }, (answer) => {
      const serial = (answer.socket as TLSSocket).getPeerCertificate().serialNumber;
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ text: Buffer.concat(chunks).toString(), serial }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

describe('TlsListener', () => {
  for (const fromHttps of [true, false]) {
    test(`exchanges its certificate and lets go of everybody, ${fromHttps ? 'as a server of HTTPS' : 'as servers of TLS and HTTP'}`, async () => {
      await using process = new LiveRuntime().process('tls');
      await using authority = await TestAuthority.make(process);
      const pair = (): { readonly certificate: string; readonly key: string } => {
        const { certificate, privateKey: key } = authority.issue('server', 'server');
        return { certificate, key };
      };
      const answered: Promise<void>[] = [];
      const listener = new TlsListener(
        {},
        (incoming, response) => {
          if (incoming.url === '/never') return;
          answered.push(
            incoming.toArray().then((parts: Buffer[]) => void response.end(`${incoming.method} ${Buffer.concat(parts).toString()}`)),
          );
        },
        fromHttps,
      );
      listener.use(pair());
      const { port } = await listen(listener.server, '127.0.0.1', 0);
      const first = await asked(port, authority.certificate, 'a');
      assert.equal(first.text, 'POST a');
      assert.throws(() => listener.use({ ...pair(), key: pair().key }), /key values mismatch/);
      assert.throws(() => listener.use({ ...pair(), key: '' }), /failed to find any PEM data in key input/);
      assert.throws(() => listener.use({ ...pair(), certificate: '' }), /failed to find any PEM data in certificate input/);
      assert.equal((await asked(port, authority.certificate, 'a')).serial, first.serial);
      listener.use(pair());
      const second = await asked(port, authority.certificate, 'b');
      assert.equal(second.text, 'POST b');
      assert.notEqual(second.serial, first.serial);

      // One who waits for an answer, and one who has not even begun with TLS.
      const waiting = request({ host: '127.0.0.1', port, path: '/never', ca: authority.certificate, agent: false }).end();
      const silent = connect(port, '127.0.0.1');
      const ended = [once(waiting, 'error'), once(silent, 'close')];
      await Promise.all([once(listener.server, 'secureConnection'), once(silent, 'connect')]);
      const closed = once(listener.server, 'close');
      listener.server.close();
      listener.closeAllConnections();
      await Promise.all([closed, ...ended, ...answered]);
    });
  }
});
