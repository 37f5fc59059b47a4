const metadataKey: Uint8Array = new TextEncoder().encode('"metadata":{');

/**
 * Where `"resourceVersion":"N",` goes in an object's JSON: right behind the brace that opens the top-level `metadata`.
 *
 * Returns −1 when there is none. Only the top level is searched: an embedded object may have metadata too.
 */
export function resourceVersionOffset(json: Uint8Array): number {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === 0x22) {
      if (depth === 1 && matchesAt(json, i, metadataKey)) return i + metadataKey.length;
      i = endOfString(json, i);
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return -1;
}

/** `json` with the resourceVersion put in at `offset`. */
export function spliceResourceVersion(json: Uint8Array, offset: number, revision: number): Uint8Array {
  const isEmpty = json[offset] === 0x7d; // `"metadata":{}`
  const text = `"resourceVersion":"${revision}"${isEmpty ? '' : ','}`;
  const out = Buffer.allocUnsafe(json.length + text.length);
  out.set(json, text.length);
  for (let i = 0; i < offset; i++) out[i] = json[i] ?? 0; // little: what is in front of the metadata
  out.write(text, offset, 'latin1');
  return out;
}

function matchesAt(json: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (json[at + i] !== wanted[i]) return false;
  return true;
}

/** Index of the quote that closes the string opened at `start`. */
function endOfString(json: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== 0x22) i += json[i] === 0x5c ? 2 : 1;
  return i;
}
