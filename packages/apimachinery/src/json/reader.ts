import { ExactReader, JsonSyntaxError } from './exact-reader.ts';
import { scanJson } from './scan.ts';

export interface ReadJsonOptions {
  /** Integers beyond ±(2^53−1) become bigint instead of the nearest double. */
  readonly bigints?: boolean;
  /** Deeper nesting is refused. Default 10,000, as Go. */
  readonly maxDepth?: number;
}

export interface JsonDocument {
  readonly value: unknown;
  /** Paths of keys that came twice in one object: `spec.replicas`. The last one won. */
  readonly duplicates: readonly string[];
}

const defaultMaxDepth = 10_000;
const utf8 = new TextDecoder('utf-8'); // invalid sequences become U+FFFD, as in Go

/**
 * Reads one JSON value. Throws JsonSyntaxError with Go's message.
 *
 * The native parser does the work when a quick scan shows that it loses nothing: no long number, no repeated key, a depth
 * that the stack bears. Otherwise the exact reader does.
 */
export function readJson(input: Uint8Array | string, options: ReadJsonOptions = {}): JsonDocument {
  const text = typeof input === 'string' ? input : utf8.decode(input);
  const scan = scanJson(text);
  if (scan.depth > (options.maxDepth ?? defaultMaxDepth)) throw new JsonSyntaxError('exceeded max depth', 0);
  if (!(scan.hasLongNumber && options.bigints === true)) {
    const value = parseNative(text);
    if (value !== notJson && countMembers(value) === scan.members) return { value, duplicates: [] };
  }
  const reader = new ExactReader(text, { bigints: options.bigints === true });
  const value = reader.read();
  return { value, duplicates: reader.duplicates };
}

const notJson: unique symbol = Symbol('not JSON');

function parseNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson; // the exact reader finds the same fault and words it as Go does
  }
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countMembers(item);
    return count;
  }
  for (const key in value) {
    count++;
    const member: unknown = value[key as keyof typeof value];
    if (typeof member === 'object') count += countMembers(member);
  }
  return count;
}
