import { unlessAborted } from '@coracle/kernel';
import { type SpdyStream, SpdyStreamResetError } from '../../transport/spdy/spdy-connection.ts';
import { type SpdyUpgrade, upgradeToSpdy } from '../../transport/spdy/spdy-upgrade.ts';
import { throwUnlessSuccess } from './command-result.ts';
import { sendAll, sizeMessage, type Streams } from './streams.ts';

/** Of the versions over SPDY the one that all servers know and none has gone beyond; v5 differs over WebSockets only. */
const streamProtocol = 'v4.channel.k8s.io';

/** More of what the error stream says is not kept. */
const mostErrorBytes = 1 << 20;

/**
 * Runs a program over SPDY/3.1, a stream for each of its own (client-go tools/remotecommand spdy.go). Throws what `throwUnlessSuccess` does,
 * TransportError when the connection cannot be made or breaks; its cause is the StatusError when the server refuses.
 */
export async function runOverSpdy(request: Omit<SpdyUpgrade, 'streamProtocol'>, streams: Streams): Promise<void> {
  const { signal } = request;
  const { stdin, stdout, stderr, tty = false, sizes } = streams;
  const connection = await upgradeToSpdy({ ...request, streamProtocol });
  const stop = new AbortController();
  const writing: Promise<void>[] = [];
  try {
    // The node waits for all of these, and begins when the last has come.
    const open = (streamtype: string): Promise<SpdyStream> => connection.open({ streamtype }, { signal });
    const errors = await open('error');
    const input = stdin === undefined ? undefined : await open('stdin');
    const output = stdout === undefined ? undefined : await open('stdout');
    const errorOutput = stderr === undefined ? undefined : await open('stderr');
    const resize = tty ? await open('resize') : undefined;
    if (stdin !== undefined && input !== undefined) writing.push(sendInput(input, stdin, stop.signal));
    if (sizes !== undefined && resize !== undefined) writing.push(sendAll(sizes, (size) => resize.write(sizeMessage(size)), stop.signal));
    const receiving = Promise.all([received(output, stdout), received(errorOutput, stderr), resultOf(errors)]);
    await unlessAborted(receiving, signal);
  } finally {
    stop.abort(new Error('the program has ended'));
    connection.close();
    await Promise.allSettled(writing); // what it did not read any more is nobody's failure
  }
}

async function sendInput(input: SpdyStream, stdin: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  await sendAll(stdin, (chunk) => input.write(chunk), signal);
  await input.end();
}

/** The node ends its streams by breaking them off; whether the program has ended well, the error stream says. */
async function received(stream: SpdyStream | undefined, take: Streams['stdout']): Promise<void> {
  if (stream === undefined) return;
  try {
    for await (const chunk of stream.readable) await take?.(chunk);
  } catch (error) {
    if (!(error instanceof SpdyStreamResetError)) throw error;
  }
}

async function resultOf(errors: SpdyStream): Promise<void> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of errors.readable) {
      length += chunk.length;
      if (length <= mostErrorBytes) parts.push(chunk);
    }
  } catch (error) {
    if (!(error instanceof SpdyStreamResetError) || parts.length === 0) throw error;
  }
  if (parts.length > 0) throwUnlessSuccess(streamProtocol, Buffer.concat(parts));
}
