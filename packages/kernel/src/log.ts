/** Structured log lines. Values must hold no secrets. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What a line is about, by name: `{ pod: "default/web" }`. */
export type LogFields = Readonly<Record<string, unknown>>;
/** How much a line matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One finished line, before it is printed or kept. `atMs` is the clock of the process that logged it. */
export interface LogRecord {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly process: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Takes finished lines, to print or keep them. Must not throw. */
export type LogSink = (record: LogRecord) => void;

/** A Logger that stamps lines with the process and its clock. */
export function loggerFor(process: string, now: () => number, sink: LogSink): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      sink({ atMs: now(), level, process, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
