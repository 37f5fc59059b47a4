/** The few ASN.1 types that certificates need, in DER (ITU-T X.690). */

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x31, ...parts);
}

/** Tag, length, content. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag), lengthOf(content.length), content]);
}

/** Non-negative, big endian. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  // A set top bit would read as a negative number.
  return ((trimmed[0] ?? 0) & 0x80) === 0 ? tagged(0x02, trimmed) : tagged(0x02, Uint8Array.of(0), trimmed);
}

export function boolean(value: boolean): Uint8Array {
  return tagged(0x01, Uint8Array.of(value ? 0xff : 0));
}

export function octets(content: Uint8Array): Uint8Array {
  return tagged(0x04, content);
}

export function bits(content: Uint8Array, unused = 0): Uint8Array {
  return tagged(0x03, Uint8Array.of(unused), content);
}

export function utf8(text: string): Uint8Array {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** "2.5.29.15" */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Uint8Array.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from 2050 on, as RFC 5280 wants. */
export function time(atMs: number): Uint8Array {
  const digits = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, ''); // 20260101000000Z
  const year = Number(digits.slice(0, 4));
  return year < 2050 ? tagged(0x17, Buffer.from(digits.slice(2), 'ascii')) : tagged(0x18, Buffer.from(digits, 'ascii'));
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}
