import { allVoters, restoreConfiguration } from './configuration.ts';
import { describeConfState } from './describe.ts';
import { logTexts } from './log-texts.ts';
import type { Append, Heartbeat, InstallSnapshot, LogIndex, NodeId, Snapshot } from './messages.ts';
import { follow } from './membership.ts';
import type { Raft } from './raft.ts';

/** Takes the leader's entries if the logs agree before them, and says up to where they agree. */
export function handleAppend(raft: Raft, append: Append): void {
  const { log } = raft;
  if (append.index < log.committed) {
    // An old one: what is committed agrees already.
    acknowledge(raft, append.from, log.committed);
    return;
  }
  const previous = { index: append.index, term: append.logTerm };
  const agreed = log.maybeAppend(previous, append.entries, append.commit);
  if (agreed !== undefined) {
    acknowledge(raft, append.from, agreed);
    return;
  }
  raft.logger?.debug(logTexts.rejectedAppend(raft.id, { term: log.termOrZero(append.index), index: append.index }, append));
  const hint = log.findConflictByTerm(Math.min(append.index, log.lastIndex()), append.logTerm);
  raft.send({
    type: 'MsgAppResp',
    from: raft.id,
    to: append.from,
    term: raft.term,
    index: append.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}

export function handleHeartbeat(raft: Raft, heartbeat: Heartbeat): void {
  if (raft.settings.readOnlyOption === 'lease-based') raft.promisedTicks = raft.settings.electionTick;
  raft.log.commitTo(heartbeat.commit);
  const { readPosition } = heartbeat;
  raft.send({ type: 'MsgHeartbeatResp', from: raft.id, to: heartbeat.from, term: raft.term, readPosition });
}

export function handleSnapshot(raft: Raft, { from, snapshot }: InstallSnapshot): void {
  const restored = restore(raft, snapshot);
  raft.logger?.info(logTexts.handledSnapshot(raft.id, raft.log.committed, restored ? 'restored' : 'ignored', snapshot));
  acknowledge(raft, from, restored ? raft.log.lastIndex() : raft.log.committed);
}

function acknowledge(raft: Raft, to: NodeId, index: LogIndex): void {
  raft.send({ type: 'MsgAppResp', from: raft.id, to, term: raft.term, index, reject: false });
}

/** False when the snapshot tells nothing new, or is not for us. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { id, log, logger } = raft;
  if (snapshot.index <= log.committed) return false;
  const configuration = restoreConfiguration(snapshot.confState);
  if (!allVoters(configuration).includes(id) && !configuration.learners.includes(id)) {
    logger?.warning(logTexts.snapshotWithoutUs(id, describeConfState(snapshot.confState)));
    return false;
  }
  if (log.matches(snapshot)) {
    // We have all of it as entries, which are worth more: they can be sent on.
    logger?.info(logTexts.fastForwarded(raft, snapshot));
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  follow(raft, configuration);
  logger?.info(logTexts.restoredSnapshot(raft, snapshot));
  return true;
}
