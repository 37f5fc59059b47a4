/** Whose log it is, so that a file that strayed in from elsewhere is not taken for ours. Sixteen hex digits each. */
export interface Identity {
  readonly clusterId: string;
  readonly memberId: string;
}

/** The format of the whole directory. Raised when a program that knows only the one before could not read it. */
export const formatVersion = 1;

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.clusterId === b.clusterId && a.memberId === b.memberId;
}
