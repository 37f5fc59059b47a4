/** Chance. Live it is the operating system's; simulated it is seeded and replays. */
export interface Random {
  /** Uniform in [0, 2^32). */
  u32(): number;
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [0, n). Throws RangeError unless n is an integer in [1, 2^32]. */
  below(n: number): number;
  bytes(n: number): Uint8Array<ArrayBuffer>;
  /** RFC 9562 version 4. */
  uuid(): string;
  /** `n` characters of the alphabet of upstream's generated names (no vowels, no look-alikes). */
  suffix(n: number): string;
  /** An independent stream: drawing from it does not shift this one. The same label always gives the same stream. */
  fork(label: string): Random;
}

/** Alphabet of generated names (k8s.io/apimachinery pkg/util/rand). */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The derived draws over one source of 32-bit words: shared by live and seeded chance. */
export function randomFrom(u32: () => number, fork: (label: string) => Random): Random {
  const below = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > 0x1_0000_0000) throw new RangeError(`Cannot draw below ${n}`);
    // Multiply-shift keeps the bias under n / 2^32 without a rejection loop, so one draw is always one word.
    return Math.floor((u32() * n) / 0x1_0000_0000);
  };
  const bytes = (n: number): Uint8Array<ArrayBuffer> => {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i += 4) {
      const word = u32();
      for (let j = 0; j < 4 && i + j < n; j++) out[i + j] = (word >>> (8 * j)) & 0xff;
    }
    return out;
  };
  return {
    u32,
    float: () => u32() / 0x1_0000_0000,
    below,
    bytes,
    uuid: () => uuidFrom(bytes(16)),
    suffix(n) {
      let text = '';
      for (let i = 0; i < n; i++) text += suffixAlphabet[below(suffixAlphabet.length)];
      return text;
    },
    fork,
  };
}

function uuidFrom(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    let byte = bytes[i] ?? 0;
    if (i === 6) byte = (byte & 0x0f) | 0x40;
    if (i === 8) byte = (byte & 0x3f) | 0x80;
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += hex[byte];
  }
  return text;
}
