import type { ConfChangeSingle } from './conf-change.ts';
import { RaftInvariantError } from './invariant.ts';
import type { ConfState, NodeId } from './messages.ts';
import { jointVote, type VoteResult } from './quorum.ts';

/**
 * Who takes part, as immutable data; each list is sorted and free of doubles. This is ConfState with its laws checked:
 * learners are no voters of either half; learnersNext ⊆ votersOutgoing; learnersNext and autoLeave only while joint.
 */
export type Configuration = ConfState;

/** `fresh` are the members whose progress starts anew: those that a leader must begin to probe. */
export type ConfigurationChange =
  | { readonly ok: true; readonly configuration: Configuration; readonly fresh: readonly NodeId[] }
  | { readonly ok: false; readonly reason: string };

export const emptyConfiguration: Configuration = Object.freeze({
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
});

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Voters of either half, ascending. */
export function allVoters(configuration: Configuration): readonly NodeId[] {
  return isJoint(configuration) ? union(configuration.voters, configuration.votersOutgoing) : configuration.voters;
}

/** Voters and learners, ascending. */
export function members(configuration: Configuration): readonly NodeId[] {
  return configuration.learners.length === 0 ? allVoters(configuration) : union(allVoters(configuration), configuration.learners);
}

export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

export function voteOf(configuration: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  return jointVote(configuration.voters, configuration.votersOutgoing, votes);
}

/** Changes at most one voter at once; two majorities that differ by one voter share a member. */
export function changeSimply(configuration: Configuration, changes: readonly ConfChangeSingle[]): ConfigurationChange {
  if (isJoint(configuration)) return refused("can't apply simple config change in joint config");
  const changed = applyChanges(configuration, changes);
  if (!changed.ok) return changed;
  const before = configuration.voters;
  const after = changed.configuration.voters;
  const moved = before.filter((id) => !after.includes(id)).length + after.filter((id) => !before.includes(id)).length;
  return moved > 1 ? refused('more than one voter changed without entering joint config') : changed;
}

/** Keeps the voters of now as the outgoing half and applies `changes` to the incoming one. */
export function enterJoint(configuration: Configuration, changes: readonly ConfChangeSingle[], autoLeave: boolean): ConfigurationChange {
  if (isJoint(configuration)) return refused('config is already joint');
  if (configuration.voters.length === 0) return refused("can't make a zero-voter config joint");
  return applyChanges({ ...configuration, votersOutgoing: configuration.voters, autoLeave }, changes);
}

/** Drops the outgoing half; its voters that were to be learners are learners from now on. */
export function leaveJoint(configuration: Configuration): ConfigurationChange {
  if (!isJoint(configuration)) return refused("can't leave a non-joint config");
  const learners = union(configuration.learners, configuration.learnersNext);
  return { ok: true, configuration: { ...emptyConfiguration, voters: configuration.voters, learners }, fresh: [] };
}

/** The configuration that a snapshot carries, its laws checked. Throws RaftInvariantError for one that no change produces. */
export function restoreConfiguration(state: ConfState): Configuration {
  const configuration: Configuration = {
    voters: union(state.voters, []),
    votersOutgoing: union(state.votersOutgoing, []),
    learners: union(state.learners, []),
    learnersNext: union(state.learnersNext, []),
    autoLeave: state.autoLeave,
  };
  const problem = problemOf(state, configuration);
  if (problem !== undefined) throw new RaftInvariantError(`unable to restore config: ${problem}`);
  return configuration;
}

function problemOf(state: ConfState, { voters, votersOutgoing, learners, learnersNext }: Configuration): string | undefined {
  for (const name of ['voters', 'votersOutgoing', 'learners', 'learnersNext'] as const) {
    const ids = state[name];
    if (new Set(ids).size !== ids.length) return `${name} names a member twice`;
    if (ids.some((id) => !Number.isSafeInteger(id) || id <= 0)) return `${name} has an id that is no positive integer`;
  }
  if (voters.length === 0 && votersOutgoing.length + learners.length > 0) return 'removed all voters';
  if (learners.some((id) => voters.includes(id) || votersOutgoing.includes(id))) return 'a learner is a voter';
  if (learnersNext.some((id) => voters.includes(id) || !votersOutgoing.includes(id))) return 'a next learner is not an outgoing voter';
  if (state.autoLeave && votersOutgoing.length === 0) return 'AutoLeave must be false when not joint';
  return undefined;
}

/** Applies the changes to the incoming half. Members of the outgoing half keep their place (and progress) until it is left. */
function applyChanges(from: Configuration, changes: readonly ConfChangeSingle[]): ConfigurationChange {
  const voters = new Set(from.voters);
  const learners = new Set(from.learners);
  const learnersNext = new Set(from.learnersNext);
  const fresh = new Set<NodeId>();
  const known = (id: NodeId): boolean => voters.has(id) || learners.has(id) || from.votersOutgoing.includes(id);
  const drop = (id: NodeId): void => {
    voters.delete(id);
    learners.delete(id);
    learnersNext.delete(id);
  };
  for (const { type, nodeId } of changes) {
    if (nodeId === 0) continue; // upstream's way to void a change when it is applied
    if (type === 'ConfChangeUpdateNode') continue;
    if (type !== 'ConfChangeRemoveNode' && !known(nodeId)) fresh.add(nodeId);
    if (type === 'ConfChangeAddLearnerNode') {
      if (learners.has(nodeId)) continue;
      drop(nodeId);
      (from.votersOutgoing.includes(nodeId) ? learnersNext : learners).add(nodeId);
    } else {
      drop(nodeId);
      if (type === 'ConfChangeAddNode') voters.add(nodeId);
    }
  }
  if (voters.size === 0) return refused('removed all voters');
  const configuration = {
    ...from,
    voters: union([...voters], []),
    learners: union([...learners], []),
    learnersNext: union([...learnersNext], []),
  };
  return { ok: true, configuration, fresh: [...fresh].filter(known) };
}

function refused(reason: string): ConfigurationChange {
  return { ok: false, reason };
}

function union(a: readonly NodeId[], b: readonly NodeId[]): readonly NodeId[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
