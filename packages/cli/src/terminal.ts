import type { LogSink } from '@coracle/kernel';

/** What a command writes to and reads from. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** There when a person looks on whose terminal can move its cursor. */
  readonly screen?: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command line that starts this program, for processes of its own; what follows are arguments. */
  readonly program: readonly string[];
  /** Aborts when the person wants to stop. */
  readonly interrupted: AbortSignal;
  /** Where the components' log lines go. */
  readonly log: LogSink;
}

/** The terminal behind `stdout`. */
export interface Screen {
  /** Its width now. */
  columns(): number;
  onResize(listener: () => void): Disposable;
}
