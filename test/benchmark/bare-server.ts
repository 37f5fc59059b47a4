/** Node's HTTP/2 over TLS and nothing behind it: prints its port and certificate, then gives every request one answer. */
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ownCertificate } from './own-certificate.ts';

const { keys, certificate } = ownCertificate('bare');
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
