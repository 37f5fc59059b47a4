import { assert } from '@coracle/kernel';

/** A header field. Entries of the tables are shared by every block that refers to them, so that a field is checked once. */
export interface HeaderField {
  readonly name: string;
  /** Bytes as characters up to U+00FF. */
  readonly value: string;
  /** Whether HTTP/2 allows such a name and value (RFC 9113, Field Validity). */
  readonly isValid: boolean;
}

/** The static table (RFC 7541, Appendix A) in order of its indexes; a value follows its name behind `=`. */
const staticText =
  ':authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 :status=206 ' +
  ':status=304 :status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,_deflate accept-language accept-ranges accept ' +
  'access-control-allow-origin age allow authorization cache-control content-disposition content-encoding content-language ' +
  'content-length content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since ' +
  'if-none-match if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ' +
  'referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate';

/** Index 1 is the first. */
export const staticTable: readonly HeaderField[] = staticText.split(' ').map((text) => {
  const [name = '', value = ''] = text.split('=');
  return { name, value: value.replace('_', ' '), isValid: true };
});

/**
 * Bits of each byte's Huffman code (RFC 7541, Appendix B), as digits to base 36. The code is canonical: codes of one length
 * are consecutive in order of the bytes, so that the lengths say all.
 */
const huffmanLengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq';

/** The bits of an element of `steps` below its byte. */
export const huffmanByte = 9;

/** What reads Huffman codes. */
export interface HuffmanCode {
  /**
   * The tree of the code in steps of four bits: element `16n + bits` says where they lead from node `n`, and in the bits from
   * `huffmanByte` on which byte ends on the way, plus 1. No code is shorter than five bits, so that there is one at most. −1: the
   * end-of-string code.
   */
  readonly steps: Int32Array;
  /** Whether a string may end at a node: fewer than eight bits have come since its last byte, and all were 1. */
  readonly isEnd: readonly boolean[];
}

let code: HuffmanCode | undefined;

/** Made when the first string comes that needs it: a program starts without. */
export function huffmanCode(): HuffmanCode {
  if (code === undefined) {
    const tree = buildTree();
    code = { steps: buildSteps(tree), isEnd: buildEnds(tree) };
  }
  return code;
}

function buildSteps(tree: Int16Array): Int32Array {
  const steps = new Int32Array(16 * 256);
  for (let start = 0; start < 256; start++) {
    for (let bits = 0; bits < 16; bits++) steps[16 * start + bits] = stepOf(tree, start, bits);
  }
  return steps;
}

function stepOf(tree: Int16Array, start: number, bits: number): number {
  let node = start;
  let byte = 0;
  for (let shift = 3; shift >= 0; shift--) {
    const next = tree[2 * node + ((bits >>> shift) & 1)] ?? 0;
    if (next === 0) return -1;
    node = Math.max(next, 0);
    if (next < 0) byte = -next;
  }
  return node | (byte << huffmanByte);
}

function buildEnds(tree: Int16Array): readonly boolean[] {
  const ends = new Array<boolean>(256).fill(false);
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    ends[node] = true;
    node = tree[2 * node + 1] ?? 0;
  }
  return ends;
}

/**
 * Of node `n` the elements `2n` and `2n+1` say where a 0 and a 1 lead. A positive number is a node, a negative one −1 less a byte; 0 is
 * the end-of-string code, which no text holds.
 */
function buildTree(): Int16Array {
  const lengths = Array.from(huffmanLengths, (digit) => Number.parseInt(digit, 36));
  const byLength = [...lengths.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const tree = new Int16Array(2 * 512);
  let nodes = 1;
  let next = 0;
  let before = 0;
  for (const byte of byLength) {
    const length = lengths[byte] ?? 0;
    next <<= length - before;
    before = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const at = 2 * node + ((next >>> bit) & 1);
      if (tree[at] === 0) tree[at] = nodes++;
      node = tree[at] ?? 0;
    }
    tree[2 * node + (next & 1)] = -1 - byte;
    next++;
  }
  assert(next === 2 ** before - 1, 'only the code of the end is left');
  return tree;
}
