import { type ConfChange, confChangeStep, parseConfChange } from './conf-change.ts';
import { changeSimply, type Configuration, type ConfigurationChange, enterJoint, isJoint, isVoter, leaveJoint } from './configuration.ts';
import { describeConfChange, describeConfiguration } from './describe.ts';
import { RaftInvariantError } from './invariant.ts';
import { logTexts } from './log-texts.ts';
import { nobody, type Proposal } from './messages.ts';
import type { Leader, Raft } from './raft.ts';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.ts';

/**
 * Changes of membership among proposals become empty entries while another one may be on its way, or when they do not fit
 * whether the group is joint. What is left is noted as the one on its way.
 */
export function screenConfChanges(raft: Raft, leader: Leader, proposals: readonly Proposal[]): readonly Proposal[] {
  const lastIndex = raft.log.lastIndex();
  return proposals.map((proposal, position) => {
    const change = parseConfChange(proposal);
    if (change === undefined) return proposal;
    const reason = raft.settings.disableConfChangeValidation ? undefined : reasonAgainst(raft, leader, change);
    if (reason === undefined) {
      leader.pendingConfIndex = lastIndex + position + 1;
      return proposal;
    }
    raft.logger?.info(logTexts.ignoredConfChange(raft.id, describeConfChange(change), describeConfiguration(raft.configuration), reason));
    return { type: 'EntryNormal', data: new Uint8Array(0) };
  });
}

function reasonAgainst(raft: Raft, leader: Leader, change: ConfChange): string | undefined {
  const { applied } = raft.log;
  if (leader.pendingConfIndex > applied) return logTexts.unappliedConfChange(leader.pendingConfIndex, applied);
  const leaves = change.changes.length === 0;
  if (isJoint(raft.configuration) && !leaves) return logTexts.mustLeaveJoint;
  if (!isJoint(raft.configuration) && leaves) return logTexts.notJoint;
  return undefined;
}

/**
 * Carries out a committed change. Every node does so when it applies the entry, not when it receives it; an application that
 * refuses one applies it with no changes. Throws RaftInvariantError for a change that does not fit: nodes must not differ.
 */
export function applyConfChange(raft: Raft, change: ConfChange): void {
  // The application still applies what it had when a snapshot came that holds all of it: the snapshot's members count.
  if (raft.log.hasPendingSnapshot()) return;
  const changed = changeConfiguration(raft.configuration, change);
  if (!changed.ok) throw new RaftInvariantError(changed.reason);
  const { role } = raft;
  if (role.state === 'StateLeader') {
    // Joining members start anew even if they were members a moment ago.
    for (const id of changed.fresh) role.progress.delete(id);
  }
  follow(raft, changed.configuration);
}

/** The members after a change, as a function: for whoever reads a log without running a node. Upstream: confchange.go. */
export function changeConfiguration(configuration: Configuration, change: ConfChange): ConfigurationChange {
  const step = confChangeStep(change);
  switch (step.kind) {
    case 'simple':
      return changeSimply(configuration, change.changes);
    case 'enter-joint':
      return enterJoint(configuration, change.changes, step.autoLeave);
    case 'leave-joint':
      return leaveJoint(configuration);
  }
}

/** From now on this configuration counts. */
export function follow(raft: Raft, configuration: Configuration): void {
  raft.configuration = configuration;
  raft.logger?.info(logTexts.switched(raft.id, describeConfiguration(configuration)));
  const { role } = raft;
  if (role.state !== 'StateLeader') return;
  // A member that has just come is probed from the end of our log, and counts as active: it had no chance to answer yet.
  const next = Math.max(raft.log.lastIndex(), 1);
  raft.followMembers(role, () => raft.newProgress({ match: 0, next, recentActive: true }));
  if (!isVoter(configuration, raft.id)) {
    // Removed or demoted. It can still commit what is on its way, since it does not count itself; upstream lets it, too.
    if (raft.settings.stepDownOnRemoval) raft.becomeFollower(raft.term, nobody);
    return;
  }
  // A smaller quorum may have committed more.
  if (maybeCommit(raft, role)) broadcastAppend(raft, role);
  else for (const [to, progress] of role.progress) if (to !== raft.id) maybeSendAppend(raft, to, progress, false);
  if (role.transferee !== nobody && !isVoter(configuration, role.transferee)) role.transferee = nobody;
}
