// Breaks the core in one place at a time and shows that a test finds it:
//   node --conditions=coracle-source packages/raft/tools/mutants.ts [part of a name]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** The test file that fails. */
  readonly caughtBy: string;
}

const simulation = 'simulation.test.ts';
const scripts = 'scripts.test.ts';
const paper = 'paper.test.ts';
const reads = 'reads.test.ts';
const badInput = 'bad-input.test.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'a vote is not synced before it leaves',
    file: 'raw-node.ts',
    from: 'hardState.vote !== this.#previousHardState.vote',
    to: 'false',
    caughtBy: simulation,
  },
  {
    name: 'a term is not synced before it is promised',
    file: 'raw-node.ts',
    from: '(hardState.term !== this.#previousHardState.term ||',
    to: '(',
    caughtBy: simulation,
  },
  {
    name: 'an acknowledgement leaves before the entries are durable',
    file: 'raft.ts',
    from: 'this.afterAppend.push(message);',
    to: '(message.to === this.id ? this.afterAppend : this.outbox).push(message);',
    caughtBy: simulation,
  },
  {
    name: 'the leader counts itself before its entries are durable',
    file: 'replication.ts',
    from: '  raft.log.append(entries);\n',
    to: '  raft.log.append(entries);\n  leader.progress.get(raft.id)?.maybeUpdate(index);\n',
    caughtBy: simulation,
  },
  {
    name: 'entries of old terms are committed by counting',
    file: 'raft-log.ts',
    from: '|| !this.matches(at)) return false;',
    to: '|| this.termOrZero(at.index) === 0) return false;',
    caughtBy: paper,
  },
  {
    name: 'entries of old terms are committed by counting, seen by a seed',
    file: 'raft-log.ts',
    from: '|| !this.matches(at)) return false;',
    to: '|| this.termOrZero(at.index) === 0) return false;',
    caughtBy: simulation,
  },
  {
    name: 'the log matching check is dropped',
    file: 'raft-log.ts',
    from: 'if (!this.matches(previous)) return undefined;',
    to: 'if (previous.index > this.lastIndex()) return undefined;',
    caughtBy: simulation,
  },
  {
    name: 'the election restriction is dropped',
    file: 'election.ts',
    from: 'mayVote && raft.log.isUpToDate({ term: request.logTerm, index: request.index })',
    to: 'mayVote',
    caughtBy: simulation,
  },
  {
    name: 'the longer log wins, whatever its last term',
    file: 'raft-log.ts',
    from: 'other.term > ours.term || (other.term === ours.term && other.index >= ours.index)',
    to: 'other.index >= ours.index',
    caughtBy: paper,
  },
  {
    name: 'a node votes twice in a term',
    file: 'election.ts',
    from: '(raft.vote === nobody && raft.lead === nobody)',
    to: 'raft.lead === nobody',
    caughtBy: simulation,
  },
  {
    name: 'a candidate keeps its term',
    file: 'raft.ts',
    from: 'this.#enterTerm(this.term + 1);',
    to: 'this.#enterTerm(Math.max(1, this.term));',
    caughtBy: simulation,
  },
  {
    name: 'half of the voters win',
    file: 'quorum.ts',
    from: 'Math.floor(voters.length / 2) + 1',
    to: 'Math.ceil(voters.length / 2)',
    caughtBy: simulation,
  },
  {
    name: 'half of the voters commit',
    file: 'quorum.ts',
    from: 'descending[Math.floor(voters.length / 2)]',
    to: 'descending[Math.floor((voters.length - 1) / 2)]',
    caughtBy: simulation,
  },
  {
    name: 'learners count for commits',
    file: 'replication.ts',
    from: 'jointIndex(voters, votersOutgoing, (id)',
    to: 'jointIndex([...voters, ...raft.configuration.learners], votersOutgoing, (id)',
    caughtBy: simulation,
  },
  {
    name: 'a joint quorum commits with one majority of all',
    file: 'quorum.ts',
    from: 'return Math.min(majorityIndex(incoming, acked), majorityIndex(outgoing, acked));',
    to: 'return majorityIndex([...new Set([...incoming, ...outgoing])], acked);',
    caughtBy: simulation,
  },
  {
    name: 'a joint vote is won with the new majority alone',
    file: 'quorum.ts',
    from: 'majorityVote(outgoing, votes)]',
    to: 'majorityVote(incoming, votes)]',
    caughtBy: 'quorum.test.ts',
  },
  {
    name: 'a snapshot below the commit index is accepted',
    file: 'follower.ts',
    from: '  if (snapshot.index <= log.committed) return false;\n',
    to: '',
    caughtBy: badInput,
  },
  {
    name: 'entries are applied before the snapshot under them is installed',
    file: 'raft-log.ts',
    from: ' && !this.hasPendingSnapshot() && this.applying',
    to: ' && this.applying',
    caughtBy: simulation,
  },
  {
    name: 'a lease read without a lease',
    file: 'reads.ts',
    from: 'return leader.ticks - leader.reads.confirmedTick(raft.configuration, raft.id) < electionTick - 1;',
    to: 'return true;',
    caughtBy: reads,
  },
  {
    name: 'a lease read without a lease, seen by a seed',
    file: 'reads.ts',
    from: 'return leader.ticks - leader.reads.confirmedTick(raft.configuration, raft.id) < electionTick - 1;',
    to: 'return true;',
    caughtBy: simulation,
  },
  {
    name: 'a lease outlives the transfer of leadership',
    file: 'reads.ts',
    from: "readOnlyOption !== 'lease-based' || leader.gaveLeaseAway",
    to: "readOnlyOption !== 'lease-based'",
    caughtBy: reads,
  },
  {
    name: 'a restart forgets the promise of a lease',
    file: 'raft.ts',
    from: "if (this.settings.readOnlyOption === 'lease-based') this.promisedTicks",
    to: 'if (false) this.promisedTicks',
    caughtBy: reads,
  },
  {
    name: 'a read is answered without a quorum',
    file: 'pending-reads.ts',
    from: 'const count = this.#reads.findIndex(({ round }) => round > confirmed);',
    to: 'const count = this.#reads.findIndex(({ round }) => round > confirmed + 1e9);',
    caughtBy: simulation,
  },
  {
    name: 'a read is confirmed by a heartbeat of before',
    file: 'pending-reads.ts',
    from: 'round: this.#round + 1 }',
    to: 'round: this.#round }',
    caughtBy: reads,
  },
  {
    name: 'a new leader answers reads before it has committed',
    file: 'reads.ts',
    from: 'if (raft.log.termOrZero(raft.log.committed) !== raft.term) {',
    to: 'if (raft.log.committed < 0) {',
    caughtBy: reads,
  },
  {
    name: 'a heartbeat commits more than the member is known to have',
    file: 'reads.ts',
    from: 'const commit = Math.min(progress.match, raft.log.committed);',
    to: 'const commit = raft.log.committed;',
    caughtBy: simulation,
  },
  {
    name: 'the commit index falls',
    file: 'raft-log.ts',
    from: '    if (index <= this.committed) return;\n',
    to: '',
    caughtBy: simulation,
  },
  {
    name: 'every append cuts the log off behind it',
    file: 'raft-log.ts',
    from: 'const conflict = entries.findIndex((entry) => !this.matches(entry));',
    to: 'const conflict = entries.findIndex((entry) => entry.index > this.committed);',
    caughtBy: badInput,
  },
  {
    name: 'the answer to an old write marks what replaced it as durable (ABA)',
    file: 'unstable-log.ts',
    from: '    if (term !== id.term) return { replacedBy: term };\n',
    to: '',
    caughtBy: 'unstable-log.test.ts',
  },
  {
    name: 'a leader without a quorum goes on',
    file: 'step.ts',
    from: "if (voteOf(raft.configuration, active) !== 'VoteWon') {",
    to: 'if (active.size === 0) {',
    caughtBy: scripts,
  },
  {
    name: 'a second change of membership goes beside the first',
    file: 'membership.ts',
    from: 'if (leader.pendingConfIndex > applied)',
    to: 'if (leader.pendingConfIndex > applied + 1e9)',
    caughtBy: simulation,
  },
  {
    name: 'a new leader does not ask whether a change of membership is under way',
    file: 'raft.ts',
    from: 'pendingConfIndex: lastIndex,',
    to: 'pendingConfIndex: 0,',
    caughtBy: simulation,
  },
  {
    name: 'a joint configuration is never left by itself',
    file: 'step.ts',
    from: '!isJoint(configuration) || !configuration.autoLeave',
    to: '!isJoint(configuration) || configuration.autoLeave',
    caughtBy: scripts,
  },
  {
    name: 'a change of membership that a snapshot has overtaken is applied',
    file: 'membership.ts',
    from: '  if (raft.log.hasPendingSnapshot()) return;\n',
    to: '',
    caughtBy: badInput,
  },
  {
    name: 'a snapshot that failed stops the flow for ever',
    file: 'replication.ts',
    from: 'else progress.snapshotFailed();',
    to: 'else return;',
    caughtBy: simulation,
  },
  {
    name: 'the window has no end',
    file: 'inflights.ts',
    from: 'return this.count >= this.#maxCount || this.#bytes >= this.#maxBytes;',
    to: 'return this.count < 0;',
    caughtBy: scripts,
  },
  {
    name: 'the limit of uncommitted bytes is ignored',
    file: 'replication.ts',
    from: 'leader.uncommittedBytes + bytes > raft.settings.maxUncommittedEntriesSize',
    to: 'leader.uncommittedBytes < 0',
    caughtBy: scripts,
  },
  {
    name: 'a pre-vote raises the term of those who are asked',
    file: 'step.ts',
    from: "    if (type === 'MsgPreVote') return true; // asking changes nobody's term\n",
    to: '',
    caughtBy: scripts,
  },
  {
    name: 'votes for an older campaign count',
    file: 'step.ts',
    from: 'if (message.term !== 0 && message.term !== raft.term && !reconcileTerm(raft, message)) return;',
    to: 'if (message.term > raft.term && !reconcileTerm(raft, message)) return;',
    caughtBy: simulation,
  },
];

const source = path.join(import.meta.dirname, '../src');

/** The file with the mutation in it. Throws when its place is not there exactly once. */
export function mutated({ name, file, from, to }: Mutant): string {
  const text = readFileSync(path.join(source, file), 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`Mutant "${name}": its place stands ${parts.length - 1} times in ${file}`);
  return parts.join(to);
}

/** Runs the test in a copy of the sources. */
function run(mutant: Mutant): { readonly isCaught: boolean; readonly seconds: number; readonly finding: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'raft-mutant-'));
  try {
    cpSync(source, path.join(folder, 'src'), { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(path.join(folder, 'src', mutant.file), mutated(mutant));
    const started = performance.now();
    const { status, stdout } = spawnSync(process.execPath, ['--test', path.join(folder, 'src', mutant.caughtBy)], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    const finding = /(?:Violation|RaftInvariantError|Error)[^\n]*: [^\n]+/.exec(stdout)?.[0] ?? /✖ [^\n]+/.exec(stdout)?.[0] ?? '';
    return { isCaught: status === 1, seconds: (performance.now() - started) / 1000, finding };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const chosen = mutants.filter(({ name }) => name.includes(process.argv[2] ?? ''));
  let caught = 0;
  for (const mutant of chosen) {
    const { isCaught, seconds, finding } = run(mutant);
    if (isCaught) caught += 1;
    console.log(`${isCaught ? 'caught' : 'MISSED'} ${seconds.toFixed(1)} s  ${mutant.name} (${mutant.caughtBy}): ${finding.slice(0, 160)}`);
  }
  console.log(`${caught} of ${chosen.length} mutants caught`);
  process.exitCode = caught === chosen.length ? 0 : 1;
}
