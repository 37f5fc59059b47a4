import { ExactReader, JsonSyntaxError } from './exact-reader.ts';
import { scanJson } from './scan.ts';

/** How JSON is read, and what is too much of it. */
export interface ReadJsonOptions {
  /** Integers beyond ±(2^53−1) become bigint instead of the nearest double. */
  readonly bigints?: boolean;
  /** Deeper nesting is refused. Default 1,000; Go has 10,000, but what walks our values recurses and must not overflow. */
  readonly maxDepth?: number;
  /** Longer input is refused. Default: no limit; servers limit the body of a request before they read it. */
  readonly maxBytes?: number;
}

/** What was read, with what a strict reader has to complain of. */
export interface JsonDocument {
  readonly value: unknown;
  /** Paths of keys that came again in one object: `spec.replicas`. The last value won. */
  readonly duplicates: readonly string[];
}

const defaultMaxDepth = 1_000;
// Invalid sequences become U+FFFD, as in Go, and a byte order mark is refused, as in Go.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const noDuplicates: readonly string[] = Object.freeze([]);

/**
 * Reads one JSON value as sigs.k8s.io/json does. Throws JsonSyntaxError with Go's message, RangeError beyond `maxBytes`.
 *
 * The native parser does the work when a quick scan shows that it loses nothing: no long number, no repeated key, no half
 * of a surrogate pair. Otherwise the exact reader does.
 */
export function readJson(input: Uint8Array | string, options: ReadJsonOptions = {}): JsonDocument {
  const { bigints = false, maxDepth = defaultMaxDepth, maxBytes = Number.POSITIVE_INFINITY } = options;
  // A string has at least as many bytes as UTF-16 units; that is exact enough for a limit.
  if (input.length > maxBytes) throw new RangeError(`Cannot read ${input.length} bytes of JSON: the limit is ${maxBytes}`);
  const text = typeof input === 'string' ? input : utf8.decode(input);
  const scan = scanJson(text);
  if (scan.depth > maxDepth) throw new JsonSyntaxError('exceeded max depth', 0);
  if (!scan.hasHardNumber && !mayHoldHalfSurrogates(text)) {
    const value = parseNative(text);
    if (value !== notJson && countMembers(value) === scan.members) return { value, duplicates: noDuplicates };
  }
  const reader = new ExactReader(text, { bigints });
  const value = reader.read();
  return { value, duplicates: [...reader.duplicates] };
}

const notJson: unique symbol = Symbol('not JSON');

function parseNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson; // the exact reader finds the same fault and words it as Go does
  }
}

/** Only an escape can give half of a pair: decoded bytes and well-formed strings have none. */
function mayHoldHalfSurrogates(text: string): boolean {
  return text.includes('\\ud') || text.includes('\\uD');
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
