// Breaks the store in one way at a time and shows that something finds it within a minute of processor time, which does not depend on
// what else the machine does:
//   node --conditions=coracle-source packages/etcd/tools/mutants.ts [part of a name]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Edit {
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

export type Mutant = {
  readonly name: string;
  /** The test file that fails; default: the simulation, seed after seed. */
  readonly caughtBy?: string;
} & (Edit | { readonly edits: readonly Edit[] });

export const mutants: readonly Mutant[] = [
  {
    name: 'what is acknowledged was written, not synced',
    file: 'wal/log.ts',
    from: 'await this.#file.writeDurably(position, bytes);',
    to: 'await this.#file.write(position, bytes);',
  },
  {
    name: 'a sync that fails is passed over',
    file: 'wal/log.ts',
    from: 'await this.#file.writeDurably(position, bytes);',
    to: 'await this.#file.writeDurably(position, bytes).catch(() => undefined);',
  },
  {
    name: 'a log that is damaged in the middle is cut there',
    file: 'wal/segment.ts',
    from: 'if (record.batch === batch) {',
    to: 'if (record.batch >= 0) {',
    caughtBy: 'durability.test.ts',
  },
  {
    name: 'records of a segment that was used before are read again',
    edits: [
      { file: 'wal/record.ts', from: 'return (nonce + offset) >>> 0;', to: 'return offset;' },
      // The number of the batch and the order of the entries would give them away all the same.
      {
        file: 'wal/segment.ts',
        from: "    if (typeof record === 'string' || record.batch !== batch) {\n",
        to: "    if (header.isRecycled && typeof record === 'string') return { kind: 'clean', offset };\n    if (typeof record === 'string' || (record.batch !== batch && !header.isRecycled)) {\n",
      },
      {
        file: 'wal/recovery.ts',
        from: 'if (index !== last + 1) return ',
        to: 'if (index <= last) this.#pending.length = Math.min(this.#pending.length, Math.max(0, index - 1 - this.#applied));\nelse if (index !== last + 1) return ',
      },
    ],
    caughtBy: 'wal/log.test.ts',
  },
  {
    name: 'a segment begins without the vote',
    file: 'wal/log.ts',
    from: "recordOf({ kind: 'hardState', hardState }));",
    to: "recordOf({ kind: 'commit', index: 0, term: 0 }));",
  },
  {
    name: 'votes are not logged',
    file: 'member/member.ts',
    from: "        writes.push({ kind: 'hardState', hardState });\n",
    to: '',
  },
  {
    name: 'a new segment is not in its directory for good',
    file: 'wal/log.ts',
    from: '  await disk.syncDirectory(logDirectory);\n  return {',
    to: '  return {',
  },
  {
    name: 'entries give way without a word in the log',
    file: 'wal/log.ts',
    from: "if (write.kind === 'entry' && write.entry.index <= last) {",
    to: "if (write.kind === 'entry' && write.entry.index < 0) {",
  },
  {
    name: 'META has one copy',
    file: 'directory/meta.ts',
    from: 'current !== undefined && current === slots[0] ? slotBytes : 0',
    to: '0',
    caughtBy: 'directory/meta.test.ts',
  },
  {
    name: 'a snapshot gets its name before it is durable',
    file: 'snapshot/snapshot-file.ts',
    from: '    await file.sync();\n',
    to: '',
  },
  {
    name: 'a block of a snapshot may be that of another one',
    edits: [
      {
        file: 'snapshot/snapshot-file.ts',
        from: 'checksum = crc32(block.view(blockHeaderBytes), checksum);',
        to: 'checksum = crc32(block.view(blockHeaderBytes), 0);',
      },
      { file: 'snapshot/snapshot-file.ts', from: 'if (crc32(block, seed) !== checksum)', to: 'if (crc32(block, 0) !== checksum)' },
    ],
    caughtBy: 'snapshot/snapshot-file.test.ts',
  },
  {
    name: 'a snapshot of the format before is read as one of this format',
    file: 'snapshot/snapshot-file.ts',
    from: 'seed = head.version < 3 ? number : checksum;',
    to: 'seed = head.version < 2 ? number : checksum;',
  },
  {
    name: 'the records of this format follow those of the one before in their segment',
    file: 'wal/recovery.ts',
    from: " || tail.kind !== 'clean' || version !== formatVersion,",
    to: " || tail.kind !== 'clean',",
    caughtBy: 'open-format-2.test.ts',
  },
  {
    name: 'a directory is set aside without a mark',
    file: 'member/mending.ts',
    from: '  await disk.rename(unfinished, markPath);\n',
    to: '',
    caughtBy: 'member/mending.test.ts',
  },
  {
    name: 'a leader that was paused keeps leases alive at once',
    file: 'member/group.ts',
    from: 'if (this.#mayHaveBeenPaused()) {',
    to: 'if (this.tickMs < 0) {',
    caughtBy: 'member/group.test.ts',
  },
  {
    name: 'the log is cut behind the newest snapshot alone',
    file: 'snapshot/catalog.ts',
    from: 'names.at(-kept)',
    to: 'names.at(-1)',
    caughtBy: 'open.test.ts',
  },
  {
    name: 'a snapshot has no leases',
    file: 'mvcc/mvcc.ts',
    from: '      leases: this.leases(),\n',
    to: '      leases: [],\n',
  },
  {
    name: 'a restart forgets which batches were applied',
    file: 'member/replica.ts',
    from: "    if ('sessions' in from) this.#sessions = Sessions.restore(from.sessions);\n",
    to: '',
  },
  {
    name: 'a batch that comes twice is applied twice',
    file: 'member/sessions.ts',
    from: ' || session.applied.has(sequence)) return false;',
    to: ') return false;',
  },
  {
    name: 'the value before is lost',
    file: 'mvcc/mvcc.ts',
    from: '    return { revision: at, key, current, previous };',
    to: '    return { revision: at, key, current, previous: at % 7 === 0 ? undefined : previous };',
  },
  {
    name: 'compaction takes the revision that it names',
    file: 'mvcc/mvcc.ts',
    from: 'if (oldest === undefined || oldest.revision >= this.#compactRevision) break;',
    to: 'if (oldest === undefined || oldest.revision > this.#compactRevision + 1) break;',
  },
  {
    name: 'a compare of a revision may be off by one',
    file: 'mvcc/mvcc.ts',
    from: 'return matches(compare.result, actual - compare.operand);',
    to: 'return matches(compare.result, actual - compare.operand === 1 ? 0 : actual - compare.operand);',
  },
  {
    name: 'a watcher is not told of some events',
    file: 'watch-hub.ts',
    from: 'for (const watcher of this.#watchersOf(only.key)) if (watcher.isActive) watcher.sink(changes);',
    to: 'for (const watcher of this.#watchersOf(only.key)) if (watcher.isActive && only.revision % 50 > 0) watcher.sink(changes);',
  },
  {
    name: 'a watch goes on behind what was compacted',
    file: 'applied-state.ts',
    from: '      this.#hub.lose();\n',
    to: '',
  },
  {
    name: 'a watcher that falls behind goes on from now',
    file: 'v3/watch-service.ts',
    from: '    watcher.next = last.revision + 1;',
    to: '    watcher.next = this.#context.store.revision + 1;',
    caughtBy: 'v3/watch-service.test.ts',
  },
  {
    name: 'progress is told before the events',
    file: 'v3/watch-service.ts',
    from: ' || this.#lagging.size > 0) return;',
    to: ') return;',
  },
  {
    name: 'a read does not ask who leads',
    file: 'member/linearizable-reads.ts',
    from: 'if (isSettledAlone) return Promise.resolve();',
    to: 'return Promise.resolve();',
  },
  {
    name: 'a read does not wait for what it must show',
    file: 'member/linearizable-reads.ts',
    from: 'if (index === undefined || index > this.#replica.index) continue;',
    to: 'if (index === undefined) continue;',
  },
  {
    name: 'a group of one reads before it has applied what it acknowledged',
    file: 'member/member.ts',
    from: 'return leads && this.#options.replica.term === this.#hardState.term;',
    to: 'return leads;',
  },
  {
    name: 'a follower lets leases end',
    file: 'member/group.ts',
    from: '      else replica.state.lessor.pause();',
    to: '      else replica.state.lessor.resume(0);',
  },
  {
    name: 'a lease is kept alive while it ends',
    file: 'member/group.ts',
    from: '    if (lessor.isEnding(id)) return -1;\n',
    to: '',
    caughtBy: 'member/group.test.ts',
  },
  {
    name: 'the end of a lease comes under the next leader',
    file: 'member/replica.ts',
    from: "request.kind === 'expire' && request.term !== term ? overtaken : this.#applyRequest(request)",
    to: 'this.#applyRequest(request)',
    caughtBy: 'member/group.test.ts',
  },
  {
    name: 'a member that lost its directory takes part',
    file: 'member/group.ts',
    from: 'log.lastIndex > 1 || replica.confState.voters.length === 1;',
    to: 'log.lastIndex >= 0;',
    caughtBy: 'member/group.test.ts',
  },
];

const source = path.join(import.meta.dirname, '../src');
const root = path.resolve(import.meta.dirname, '../../..');

/** The files with the mutation in them, by their paths. Throws when a place is not there exactly once. */
export function mutated(mutant: Mutant): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, from, to } of 'edits' in mutant ? mutant.edits : [mutant]) {
    const text = texts.get(file) ?? readFileSync(path.join(source, file), 'utf8');
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`Mutant "${mutant.name}": its place stands ${parts.length - 1} times in ${file}`);
    texts.set(file, parts.join(to));
  }
  return texts;
}

interface Outcome {
  readonly isCaught: boolean;
  /** Of the processor, by the process that ran the test or the simulation, its start included. */
  readonly cpuSeconds: number;
  readonly finding: string;
}

const cpuLimitSeconds = 60;
/** At its end, the process says what it took. */
const meter = "process.on('exit', () => { const { user, system } = process.cpuUsage(); console.log('cpu', (user + system) / 1e6); })";

/** Runs the test, or the simulation, in a copy of the sources. */
function run(mutant: Mutant): Outcome {
  const folder = mkdtempSync(path.join(tmpdir(), 'etcd-mutant-'));
  try {
    const inside = path.join(folder, 'packages/etcd');
    mkdirSync(inside, { recursive: true });
    cpSync(source, path.join(inside, 'src'), { recursive: true });
    cpSync(import.meta.dirname, path.join(inside, 'tools'), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    for (const [file, text] of mutated(mutant)) writeFileSync(path.join(inside, 'src', file), text);
    const hunt = [path.join(inside, 'tools/simulate.ts'), '1', '2000', '6000', String(cpuLimitSeconds)];
    const args = mutant.caughtBy === undefined ? hunt : ['--test', '--test-isolation=none', path.join(inside, 'src', mutant.caughtBy)];
    const flags = ['--conditions=coracle-source', `--import=data:text/javascript,${encodeURIComponent(meter)}`];
    const { status, stdout } = spawnSync(process.execPath, [...flags, ...args], { encoding: 'utf8', cwd: folder });
    const cpuSeconds = Number(/^cpu (.+)$/m.exec(stdout)?.[1]);
    const finding = mutant.caughtBy === undefined ? stdout.split('\n').find((line) => !line.startsWith('{')) : /✖ [^\n]+/.exec(stdout)?.[0];
    return { isCaught: status === 1 && cpuSeconds <= cpuLimitSeconds, cpuSeconds, finding: finding ?? '' };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const chosen = mutants.filter(({ name }) => name.includes(process.argv[2] ?? ''));
  let caught = 0;
  for (const mutant of chosen) {
    const { isCaught, cpuSeconds, finding } = run(mutant);
    if (isCaught) caught += 1;
    const by = mutant.caughtBy ?? 'simulation';
    console.log(`${isCaught ? 'caught' : 'MISSED'} ${cpuSeconds.toFixed(1)} s  ${mutant.name} (${by}): ${finding.slice(0, 200)}`);
  }
  console.log(`${caught} of ${chosen.length} mutants caught`);
  process.exitCode = caught === chosen.length ? 0 : 1;
}
