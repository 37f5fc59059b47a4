import type { LogSink } from '@coracle/kernel';

/** What a command writes to and reads from. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the person wants to stop. */
  readonly interrupted: AbortSignal;
  /** Where the components' log lines go. */
  readonly log: LogSink;
}
