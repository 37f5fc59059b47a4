/** Where a node tells what it does. The texts are those of log-texts.ts. */
export interface Logger {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}
