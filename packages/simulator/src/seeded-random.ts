import { type Random, randomFrom } from '@coracle/kernel';

/** Seeded chance (sfc32). Equal seeds give equal streams on every machine and version of Node. */
export function seededRandom(seed: number): Random {
  let a = seed | 0;
  let b = seed ^ 0x9e3779b9;
  let c = 0xdeadbeef | 0;
  let d = 1;
  const u32 = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) u32(); // until the seed has reached every bit
  // Forks hang on the seed and the label alone: a draw more here changes nothing there.
  return randomFrom(u32, (label) => seededRandom(mix(seed, label)));
}

/** FNV-1a of `text`, started at `basis`. */
export function mix(basis: number, text: string): number {
  let hash = (basis ^ 0x811c9dc5) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
