import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { ByteDuplex, Dialer, Process, RequestHandler } from '@coracle/kernel';
import type { FileSystem } from './file-system.ts';

/**
 * What runs in a container. Resolves with the exit code; a rejection is a crash, exit code 1. One that is still running
 * when the grace after `terminated` is over is killed: its timers, steps and requests never come back.
 */
export type Program = (container: ContainerContext) => Promise<number>;

/** All that a program has of the world. */
export interface ContainerContext {
  readonly name: string;
  /** As in the pod: `pingcap/tikv:v8.5.7`. */
  readonly image: string;
  /** `command` and `args` of the container with `$(VAR)` expanded; empty where the image decides. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** The pod as it was when the container started. */
  readonly pod: Frozen<Pod>;
  /** The container's own: what it starts ends with it. */
  readonly process: Process;
  readonly files: FileSystem;
  readonly network: PodNetwork;
  /** Ends at once: nobody attaches. */
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** SIGTERM. */
  readonly terminated: AbortSignal;
  /** What the last `checkpoint` saved, when this container goes on in a fork; else undefined. */
  readonly resumed: Frozen<unknown>;
  /** Registers how to save the program's state as plain data; a fork calls the program again with it as `resumed`. */
  checkpoint(save: () => Frozen<unknown>): void;
}

export interface Input extends AsyncIterable<Uint8Array> {}

export interface Output {
  /** Whole lines or parts of them; a line is logged once it ends. */
  write(text: string): void;
}

/** The network as a pod sees it: short Service names are those of its namespace, `localhost` is the pod. */
export interface PodNetwork extends Dialer {
  readonly ip: string;
  /** Serves HTTP, or without a handler only accepts connections. Throws ListenError when the port is taken. */
  listen(port: number, handler?: RequestHandler): Disposable;
  /** Serves connections: `accept` gets each of them, in a step of its own. */
  listenStream(port: number, accept: (connection: ByteDuplex) => void): Disposable;
}
