import { UsageError } from '../flags.ts';

/** A member that answers: its name below the directory, and its id. */
export interface Reached {
  readonly name: string;
  readonly id: number;
}

/** Whom each member is to be cut off from, when those that are named are parted from the others. Throws UsageError. */
export function sides(members: readonly Reached[], named: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const names = members.map(({ name }) => name);
  const unknown = named.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`no member "${unknown}" answers: ${names.join(', ') || 'none does'}`);
  if (named.length === 0) throw new UsageError('whom to cut off from the others? Name them');
  const idsOf = (isNamed: boolean): readonly number[] => members.filter(({ name }) => named.includes(name) === isNamed).map(({ id }) => id);
  if (idsOf(false).length === 0) throw new UsageError('nobody is left on the other side');
  return new Map(names.map((name) => [name, idsOf(!named.includes(name))]));
}
