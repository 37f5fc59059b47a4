const encoder = new TextEncoder();
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/** FNV-1 32: multiply, then xor (Go's hash/fnv New32). */
export function fnv32(text: string): number {
  let hash = offsetBasis;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash, prime) ^ byte;
  return hash >>> 0;
}

/** FNV-1a 32: xor, then multiply (Go's hash/fnv New32a). */
export function fnv32a(text: string): number {
  let hash = offsetBasis;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, prime);
  return hash >>> 0;
}

/** Alphabet of generated names: neither vowels nor look-alikes, so that no words come out (apimachinery pkg/util/rand). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Each character becomes the one of the alphabet that its code points at (rand.SafeEncodeString). */
export function safeEncode(text: string): string {
  let encoded = '';
  for (const byte of encoder.encode(text)) encoded += alphabet[byte % alphabet.length];
  return encoded;
}
