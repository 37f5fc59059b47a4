/**
 * 4, 6, or 0 for what is no address. Node's own, looked up when it is asked: loading sockets costs 9 ms, and a program that only
 * builds requests needs none.
 */
export function isIP(text: string): number {
  return globalThis.process.getBuiltinModule('node:net').isIP(text);
}
