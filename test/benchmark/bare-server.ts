/** Node's HTTP/2 over TLS and nothing behind it: prints its port and certificate, then gives every request one answer. */
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createCertificate, liveKeySource } from '@coracle/apiserver';

const subject = { commonName: 'bare' };
const keys = liveKeySource.keyPair();
const certificate = createCertificate({
  subject,
  keys,
  issuer: { subject, keys },
  serial: Uint8Array.of(1),
  usage: 'server',
  notBeforeMs: Date.now() - 60_000,
  notAfterMs: Date.now() + 3_600_000,
  hosts: ['127.0.0.1'],
});
/** As long as a ConfigMap of 1 KB that was created. */
const answer = Buffer.alloc(1_300, 'a');
const server = createSecureServer({ key: keys.privateKey, cert: certificate });
server.on('stream', (stream) => {
  stream.on('error', () => undefined); // the client has left
  stream.resume();
  stream.once('end', () => {
    stream.respond({ ':status': 201, 'content-type': 'application/json', 'content-length': answer.length });
    stream.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  console.log(JSON.stringify({ server: `https://127.0.0.1:${port}`, certificateAuthority: certificate }));
});
