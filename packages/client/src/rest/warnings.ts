import type { Process } from '@coracle/kernel';

/** One warning of a server: 299 is a hint for the user, as of a deprecated version (RFC 7234, section 5.5). */
export interface Warning {
  readonly code: number;
  readonly agent: string;
  readonly text: string;
}

/** Told of each warning of an answer, as it comes (client-go rest.WarningHandler). Must be quick. */
export type WarningHandler = (warning: Warning) => void;

/** Says nothing (client-go rest.NoWarnings). */
export const noWarnings: WarningHandler = () => undefined;

/** More texts than this are not remembered: a server may word a warning anew for each object. */
const mostRemembered = 4_096;

/**
 * Logs each text once (client-go rest.NewWarningWriter with Deduplicate). Upstream's default repeats them, which a controller that writes
 * the same kind all day turns into noise.
 */
export function warningLogger(log: Process['log']): WarningHandler {
  return warningWriter({ write: (line) => log.warn(line), deduplicate: true });
}

/** Writes `Warning: …` lines, in yellow if asked (client-go rest.NewWarningWriter). */
export function warningWriter(options: {
  readonly write: (line: string) => void;
  readonly deduplicate?: boolean;
  readonly color?: boolean;
}): WarningHandler {
  const written = new Set<string>();
  return ({ code, text }) => {
    if (code !== 299 || text === '') return;
    if (options.deduplicate === true) {
      if (written.has(text)) return;
      if (written.size < mostRemembered) written.add(text);
    }
    options.write(options.color === true ? `\u001b[33;1mWarning:\u001b[0m ${text}` : `Warning: ${text}`);
  };
}

/**
 * The warnings of a `Warning` header, several of which may be joined by commas (apimachinery util/net ParseWarningHeaders). What is
 * malformed ends the reading: warnings are hints.
 */
export function parseWarnings(header: string): readonly Warning[] {
  const warnings: Warning[] = [];
  const pattern = /\s*(\d{3}) (\S+) "((?:[^"\\]|\\.)*)"(?:\s*"[^"]*")?\s*(,|$)/y;
  while (pattern.lastIndex < header.length) {
    const found = pattern.exec(header);
    if (found === null) break;
    const [, code = '', agent = '', quoted = ''] = found;
    const text = quoted.replaceAll(/\\(.)/g, '$1');
    if (hasControlCharacter(agent) || hasControlCharacter(text)) break;
    warnings.push({ code: Number(code), agent, text });
  }
  return warnings;
}

/** Such a character may move a terminal's cursor, or end a line of a log. */
function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
