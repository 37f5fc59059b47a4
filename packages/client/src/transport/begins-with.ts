/** Whether `head` stands in `bytes` at `at`. For short heads, where a call of Buffer's would take longer. */
export function beginsWith(bytes: Uint8Array, at: number, head: Uint8Array): boolean {
  for (let i = 0; i < head.length; i++) if (bytes[at + i] !== head[i]) return false;
  return true;
}
