import { frameHeaderBytes, FrameReader, framed } from '../v3/grpc/frame.ts';
import { GrpcError, grpcCode } from '../v3/grpc/status.ts';
import type { Message } from '../v3/message.ts';
import { ProtobufWriter } from '../v3/protobuf.ts';
import type { CallEnd, CallRequest, Connection, OutgoingCall } from './connection.ts';

/** A list may be as large as a buffer of Go (grpc.MaxCallRecvMsgSize of etcd's client). */
export const maxAnswerBytes = 0x7fff_ffff;

/** Rejects with the reason of `signal` when it aborts; the call is cancelled then. */
export function exchange(
  connection: Connection,
  request: CallRequest,
  frame: Buffer,
  into: { message(bytes: Buffer): void },
  signal: AbortSignal,
): Promise<CallEnd> {
  return new Promise((resolve, reject) => {
    const frames = new FrameReader(maxAnswerBytes);
    let call: OutgoingCall | undefined;
    const onAbort = (): void => {
      call?.cancel();
      reject(signal.reason as Error); // a deadline's, or the caller's own
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const ended = (end: CallEnd): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(end);
    };
    call = connection.open(request, {
      data(chunk) {
        try {
          frames.push(chunk, (message) => into.message(message));
        } catch (error) {
          // What is no answer is the server's failure: it is told as its status would be.
          call?.cancel();
          const code = error instanceof GrpcError ? error.code : grpcCode.internal;
          ended({ is: 'status', code, message: error instanceof Error ? error.message : String(error) });
        }
      },
      ended,
    });
    call.write(frame);
    call.finish();
  });
}

/** A request with the frame around it, which serves every attempt. */
export function requestFrame<Request>(message: Message<Request>, value: Partial<Request>): Buffer {
  const to = new ProtobufWriter(256, frameHeaderBytes);
  message.write(to, value);
  return framed(to.finish());
}
