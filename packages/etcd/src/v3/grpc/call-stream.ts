/** What a stream tells about the client's side of it. Called in order; nothing after `ended` but `closed`. */
export interface CallSink {
  data(chunk: Buffer): void;
  /** The client will send no more. */
  ended(): void;
  /** The stream is gone: reset by either side, the connection lost, or done. Called once. */
  closed(): void;
  /** There is room again after a `write` that said there was none. */
  writable(): void;
}

/** What a call asks for. Names of headers are in lower case. */
export interface CallHead {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One HTTP/2 stream as gRPC sees it: over sockets, or in tests one in memory. Everything that is sent after `closed` is dropped. */
export interface CallStream {
  readonly head: CallHead;
  /** Called once, before anything is received. */
  receive(sink: CallSink): void;
  /** Stops receiving until `resume`, so that the client is held up. */
  pause(): void;
  resume(): void;
  /** The whole answer of a unary call, with status OK. */
  answer(frame: Buffer): void;
  /** Headers of an answer that is a stream. */
  begin(): void;
  /** False when no more should be written before the sink's `writable`. */
  write(frames: readonly Buffer[]): boolean;
  /** Like `write`, of bytes that may be used for something else once `giveBack` was called, which it may never be. */
  lend(bytes: Buffer, giveBack: () => void): boolean;
  /** Ends what was begun with a status. */
  finish(code: number, message: string): void;
  /** An answer without messages ("trailers-only"). What the client still sends is not wanted. */
  refuse(code: number, message: string): void;
  /** An answer to what is no gRPC. */
  reject(status: number, text: string): void;
  /** No more is done for the call; until then it counts as one that is served. */
  release(): void;
}
