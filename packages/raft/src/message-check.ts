import { isMember } from './configuration.ts';
import { appendWorker, applyWorker, type Entry, isWorker, type LogIndex, type Message, type Term } from './messages.ts';
import type { Raft } from './raft.ts';

/** Why this node does not even look at a message; undefined when it does. Its decoder has seen to the types already. */
export function refusalOf(raft: Raft, message: Message): 'unknown peer' | 'misdirected' | 'malformed' | undefined {
  const { from, to, type } = message;
  if (to !== raft.id) return 'misdirected';
  switch (type) {
    case 'MsgStorageAppend':
    case 'MsgStorageApply':
      return 'misdirected'; // for a worker
    case 'MsgStorageAppendResp':
      return from === appendWorker ? undefined : 'misdirected';
    case 'MsgStorageApplyResp':
      return from === applyWorker ? undefined : 'misdirected';
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgReadIndexResp':
      if (isWorker(from)) return 'misdirected';
      if (!isMember(raft.configuration, from)) return 'unknown peer';
      break;
    default:
      if (isWorker(from)) return 'misdirected';
  }
  return isWellFormed(message) ? undefined : 'malformed';
}

function isWellFormed(message: Message): boolean {
  const { from, term } = message;
  if (!isNatural(from) || from === 0 || !isNatural(term)) return false;
  switch (message.type) {
    case 'MsgProp':
      return message.entries.length > 0;
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
    case 'MsgTransferLeader':
      return true;
    case 'MsgApp':
      return (
        term > 0 &&
        isNatural(message.index) &&
        isNatural(message.logTerm) &&
        isNatural(message.commit) &&
        areConsecutive(message.entries, message.index, message.logTerm, term)
      );
    case 'MsgSnap':
      return term > 0 && isNatural(message.snapshot.index) && message.snapshot.index > 0 && message.snapshot.term <= term;
    case 'MsgAppResp':
    case 'MsgVote':
    case 'MsgPreVote':
      return term > 0 && isNatural(message.index);
    case 'MsgHeartbeat':
      return term > 0 && isNatural(message.commit);
    default:
      return term > 0;
  }
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Entries follow the one before without a gap, their terms never fall, and none is of a term that is still to come. */
function areConsecutive(entries: readonly Entry[], previousIndex: LogIndex, previousTerm: Term, term: Term): boolean {
  let lastTerm = previousTerm;
  let index = previousIndex;
  for (const entry of entries) {
    index += 1;
    if (entry.index !== index || entry.term < lastTerm || entry.term > term) return false;
    lastTerm = entry.term;
  }
  return lastTerm <= term;
}
