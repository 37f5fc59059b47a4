import { type ApiRequest, type Transport, TransportError } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { SpdyConnection } from './spdy-connection.ts';

/** What is asked for when SPDY is not tunnelled. */
export interface SpdyUpgrade {
  readonly process: Process;
  readonly transport: Transport;
  readonly path: string;
  readonly query: ApiRequest['query'];
  /** What the streams mean (the header X-Stream-Protocol-Version). One only, so that whatever is answered is it. */
  readonly streamProtocol: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * SPDY/3.1 instead of HTTP on a connection to the API server (client-go transport/spdy). Rejects with TransportError; its cause is the
 * StatusError when the server refuses.
 */
export async function upgradeToSpdy({ process, transport, path, query, streamProtocol, signal }: SpdyUpgrade): Promise<SpdyConnection> {
  const headers = { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': streamProtocol };
  const { protocol, duplex } = await transport.upgrade({ method: 'POST', path, query, headers }, { signal });
  if (protocol.toLowerCase() === 'spdy/3.1') return SpdyConnection.over(duplex, process);
  duplex.close();
  throw new TransportError(`Cannot upgrade "${path}": the server speaks "${protocol}" instead of SPDY/3.1`, { executed: 'unknown' });
}
