const encoder = new TextEncoder();

/**
 * JSON as the API server writes it: `undefined` members left out, bigints as integers, keys that look like array indexes in
 * order of bytes with the others (JavaScript would put them first, in numeric order), so that equal objects have equal text.
 */
export function writeJson(value: unknown): string {
  return isPlain(value) ? JSON.stringify(value) : write(value);
}

export function writeJsonBytes(value: unknown): Uint8Array {
  return encoder.encode(writeJson(value));
}

/** Whether the native writer gives the same text: no bigint, no key that JavaScript orders by number. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  if (Array.isArray(value)) return value.every(isPlain);
  for (const key in value) {
    if (isIndexLike(key) || !isPlain(value[key as keyof typeof value])) return false;
  }
  return true;
}

function isIndexLike(key: string): boolean {
  const code = key.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}

function write(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  // Only a map can hold such keys, and maps are written in order of keys.
  if (entries.some(([key]) => isIndexLike(key))) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`).join(',')}}`;
}
