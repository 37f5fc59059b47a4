/** Thrown when the core meets a state that Raft excludes: a bug, a corrupted log, or a disk that forgot. The node must stop. */
export class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
}

/** Stays on in production: a replica that continues from an impossible state corrupts the others. */
export function invariant(condition: boolean, text: string): asserts condition {
  if (!condition) throw new RaftInvariantError(text);
}
