import { type Configuration, isJoint } from './configuration.ts';
import { type ConfChange, parseConfChange } from './conf-change.ts';
import { hex } from './log-texts.ts';
import { appendWorker, applyWorker, type ConfState, type Entry, type HardState, type Message, type NodeId, nobody } from './messages.ts';
import type { Progress } from './progress.ts';
import type { Ready } from './ready.ts';

// How upstream prints things: util.go, quorum/, tracker/. The scripts compare it, and it is good to read.

/** `voters=(1 2)&&(1) learners=(3) autoleave` */
export function describeConfiguration(configuration: Configuration): string {
  const parts = [`voters=${list(configuration.voters)}`];
  if (isJoint(configuration)) parts[0] += `&&${list(configuration.votersOutgoing)}`;
  if (configuration.learners.length > 0) parts.push(`learners=${list(configuration.learners)}`);
  if (configuration.learnersNext.length > 0) parts.push(`learners_next=${list(configuration.learnersNext)}`);
  if (configuration.autoLeave) parts.push('autoleave');
  return parts.join(' ');
}

function list(ids: readonly NodeId[]): string {
  return `(${ids.join(' ')})`;
}

export function describeConfState(state: ConfState): string {
  const ids = (of: readonly NodeId[]): string => `[${of.join(' ')}]`;
  return (
    `Voters:${ids(state.voters)} VotersOutgoing:${ids(state.votersOutgoing)} Learners:${ids(state.learners)} ` +
    `LearnersNext:${ids(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

/** `StateReplicate match=11 next=15 paused inflight=3[full]` */
export function describeProgress(progress: Progress, isLearner: boolean): string {
  const { flow } = progress;
  let text = `${flow.state} match=${progress.match} next=${progress.next}`;
  if (isLearner) text += ' learner';
  if (progress.isPaused()) text += ' paused';
  if (flow.state === 'StateSnapshot' && flow.pendingSnapshot > 0) text += ` pendingSnap=${flow.pendingSnapshot}`;
  if (!progress.recentActive) text += ' inactive';
  if (flow.state === 'StateReplicate' && flow.inflights.count > 0) {
    text += ` inflight=${flow.inflights.count}${flow.inflights.isFull() ? '[full]' : ''}`;
  }
  return text;
}

const shortNames = {
  ConfChangeAddNode: 'v',
  ConfChangeAddLearnerNode: 'l',
  ConfChangeRemoveNode: 'r',
  ConfChangeUpdateNode: 'u',
} as const;

/** `v2 l3 r1`: what the scripts read, too. */
export function describeChanges(change: ConfChange): string {
  return change.changes.map(({ type, nodeId }) => `${shortNames[type]}${nodeId}`).join(' ');
}

/** The change as protocol buffers print it. */
export function describeConfChange(change: ConfChange): string {
  return [
    `transition:${change.transition}`,
    ...change.changes.map(({ type, nodeId }) => `changes:{type:${type}${nodeId === nobody ? '' : ` node_id:${nodeId}`}}`),
  ].join(' ');
}

/** `2/12 EntryNormal "x"`: term, index, type, payload. */
export function describeEntry(entry: Entry): string {
  const change = parseConfChange(entry);
  const payload = change === undefined ? quoted(entry.data) : describeChanges(change);
  const head = `${entry.term}/${entry.index} ${entry.type}`;
  return payload === '' ? head : `${head} ${payload}`;
}

const escapes: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** As Go's %q, for bytes that are mostly ASCII. */
function quoted(data: Uint8Array): string {
  let text = '"';
  for (const byte of data) {
    if (escapes[byte] !== undefined) text += escapes[byte];
    else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${text}"`;
}

export function describeHardState(state: HardState): string {
  const vote = state.vote === nobody ? '' : ` Vote:${state.vote}`;
  return `Term:${state.term}${vote} Commit:${state.commit}`;
}

function target(id: NodeId): string {
  if (id === nobody) return 'None';
  if (id === appendWorker) return 'AppendThread';
  if (id === applyWorker) return 'ApplyThread';
  return hex(id);
}

/** One message, over several lines when it carries several things. `indent` begins each of them but the first. */
export function describeMessage(message: Message, indent = ''): string {
  const { logTerm, index, commit, vote, entries } = positions(message);
  const term = message.type === 'MsgStorageAppend' ? (message.hardState?.term ?? 0) : message.term;
  let text = `${target(message.from)}->${target(message.to)} ${message.type} Term:${term} Log:${logTerm}/${index}`;
  if ('reject' in message && message.reject) text += ` Rejected (Hint: ${'rejectHint' in message ? message.rejectHint : 0})`;
  if (commit !== 0) text += ` Commit:${commit}`;
  if (vote !== nobody) text += ` Vote:${vote}`;
  const [only] = entries;
  if (entries.length === 1 && only !== undefined) text += ` Entries:[${describeEntry(only)}]`;
  else if (entries.length > 1) text += ` Entries:[${entries.map((each) => `\n${indent}  ${describeEntry(each)}`).join('')}\n${indent}]`;
  if ('snapshot' in message && message.snapshot !== undefined) {
    const { snapshot } = message;
    text += `\n${indent}  Snapshot: Index:${snapshot.index} Term:${snapshot.term} ConfState:${describeConfState(snapshot.confState)}`;
  }
  if ('responses' in message && message.responses.length > 0) {
    const responses = message.responses.map((each) => `\n${indent}  ${describeMessage(each, `${indent}  `)}`);
    text += ` Responses:[${responses.join('')}\n${indent}]`;
  }
  return text;
}

interface Positions {
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: NodeId;
  readonly entries: readonly Entry[];
}

const none: Positions = { logTerm: 0, index: 0, commit: 0, vote: nobody, entries: [] };

function positions(message: Message): Positions {
  switch (message.type) {
    case 'MsgApp':
      return { ...none, logTerm: message.logTerm, index: message.index, commit: message.commit, entries: message.entries };
    case 'MsgAppResp':
      return { ...none, logTerm: message.reject ? message.logTerm : 0, index: message.index };
    case 'MsgVote':
    case 'MsgPreVote':
    case 'MsgStorageAppendResp':
      return { ...none, logTerm: message.logTerm, index: message.index };
    case 'MsgReadIndexResp':
      return { ...none, index: message.index };
    case 'MsgHeartbeat':
      return { ...none, commit: message.commit };
    case 'MsgProp':
      return { ...none, entries: message.entries.map((each) => ({ ...each, term: 0, index: 0 })) };
    case 'MsgStorageAppend':
      return { ...none, commit: message.hardState?.commit ?? 0, vote: message.hardState?.vote ?? nobody, entries: message.entries };
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
      return { ...none, entries: message.entries };
    default:
      return none;
  }
}

/** What a Ready asks for; `<empty Ready>` when that is nothing. */
export function describeReady(ready: Ready): string {
  const lines: string[] = [];
  if (ready.softState !== undefined) lines.push(`Lead:${ready.softState.lead} State:${ready.softState.state}`);
  if (ready.hardState !== undefined) lines.push(`HardState ${describeHardState(ready.hardState)}`);
  for (const { index } of ready.readStates) lines.push(`ReadState Index:${index}`);
  if (ready.entries.length > 0) lines.push('Entries:', ...ready.entries.map(describeEntry));
  if (ready.snapshot !== undefined) {
    const { index, term, confState } = ready.snapshot;
    lines.push(`Snapshot Index:${index} Term:${term} ConfState:${describeConfState(confState)}`);
  }
  if (ready.committedEntries.length > 0) lines.push('CommittedEntries:', ...ready.committedEntries.map(describeEntry));
  if (ready.messages.length > 0) lines.push('Messages:', ...ready.messages.map((message) => describeMessage(message)));
  if (lines.length === 0) return '<empty Ready>';
  return [`Ready MustSync=${ready.mustSync}:`, ...lines].join('\n');
}
