/** What a quick look at JSON text tells: whether the fast native parser gives the same as the exact reader. */
export interface JsonScan {
  /** Members of objects: colons outside strings. More than the parsed objects have keys means duplicates. */
  readonly members: number;
  /** Deepest nesting of objects and arrays. */
  readonly depth: number;
  /** Whether a number is so long, or has an exponent, that the native parser may round it or make it infinite. */
  readonly hasHardNumber: boolean;
}

const quote = 0x22;
const backslash = 0x5c;
const letterE = 0x65;
/** Up to this many digits every number is exact in a double. */
const exactDigits = 15;

/** One pass over the text, no allocation. Does not check the syntax. */
export function scanJson(text: string): JsonScan {
  let members = 0;
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let hasHardNumber = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      if (++digits > exactDigits) hasHardNumber = true;
      continue;
    }
    if (digits > 0 && (code | 0x20) === letterE) hasHardNumber = true;
    digits = 0;
    if (code === quote) i = endOfString(text, i);
    else if (code === 0x3a) members++;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > deepest) deepest = depth;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return { members, depth: deepest, hasHardNumber };
}

/** Index of the quote that ends the string which starts at `start`; the end of the text when none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
  return slashes % 2 === 1;
}
