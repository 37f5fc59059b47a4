/*
 * Keys are text here, and bytes in a store, which has one char for each. Nearly all are ASCII, where both are the same; names of some
 * kinds may have any character.
 */

export function keyBytes(key: string): string {
  return isAscii(key) ? key : Buffer.from(key).toString('latin1');
}

export function keyText(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString();
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
