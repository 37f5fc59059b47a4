// What the core costs, and the long run of its simulation:
//   node --conditions=coracle-source packages/raft/bench.ts
//   node --conditions=coracle-source packages/raft/bench.ts simulate [seeds] [steps of each] [first seed]
import { simulate } from './src/fixtures/simulation.ts';
import { MemoryStorage, type Message, RawNode } from './src/index.ts';

const cpuSeconds = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

function runSimulation(seeds: number, steps: number, first: number): void {
  const started = process.cpuUsage();
  const totals = { steps: 0, elections: 0, crashes: 0, reads: 0, confChanges: 0, snapshots: 0 };
  for (let seed = first; seed < first + seeds; seed += 1) {
    const simulation = simulate({ seed }, steps);
    totals.steps += simulation.steps;
    totals.elections += simulation.elections;
    totals.crashes += simulation.crashes;
    totals.reads += simulation.readsAnswered;
    totals.confChanges += simulation.confChanges;
    totals.snapshots += simulation.snapshotsInstalled;
    if ((seed - first + 1) % 1000 === 0)
      console.log(`${seed - first + 1} seeds, ${totals.steps} steps, ${cpuSeconds(started).toFixed(0)} CPU s`);
  }
  console.log(
    `${seeds} seeds, no violation: ${JSON.stringify(totals)}, ${Math.round(totals.steps / cpuSeconds(started))} steps per CPU second`,
  );
}

/** Three members, their messages and their logs in memory: proposals committed per second, `batch` of them at once. */
function commitsPerSecond(batch: number, bytes: number): { readonly perSecond: number; readonly garbage: number } {
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const members = [1, 2, 3].map((id) => {
    const storage = new MemoryStorage({ confState });
    return {
      storage,
      node: new RawNode({ id, storage, electionTick: 10, heartbeatTick: 1, random: () => id, maxSizePerMsg: 1024 * 1024 }),
    };
  });
  let committed = 0;
  const settle = (): void => {
    for (let busy = true; busy; ) {
      busy = false;
      const messages: Message[] = [];
      for (const { storage, node } of members) {
        if (!node.hasReady()) continue;
        busy = true;
        const ready = node.ready();
        if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
        storage.append(ready.entries);
        if (node.id === 1) committed += ready.committedEntries.length;
        messages.push(...ready.messages);
        node.advance();
      }
      for (const message of messages) members[message.to - 1]?.node.step(message);
    }
  };
  const leader = members[0]?.node;
  if (leader === undefined) throw new Error('There are three members');
  leader.campaign();
  settle();
  const data = new Uint8Array(bytes);
  const round = (count: number): void => {
    for (let done = 0; done < count; done += batch) {
      for (let i = 0; i < batch; i += 1) leader.propose(data);
      settle();
      const { applied } = leader.status();
      if (applied > 10_000) for (const { storage } of members) if (storage.firstIndex() < applied - 5_000) storage.compact(applied - 1_000);
    }
  };
  round(20_000); // until the code is compiled
  // What the heap grows by, over rounds in which it was not collected.
  const growths: number[] = [];
  for (let i = 0; i < 200; i += 1) {
    const before = process.memoryUsage().heapUsed;
    round(batch);
    growths.push((process.memoryUsage().heapUsed - before) / batch);
  }
  const garbage = growths.sort((x, y) => x - y)[Math.floor(growths.length / 2)] ?? 0;
  const started = process.cpuUsage();
  committed = 0;
  round(100_000);
  return { perSecond: committed / cpuSeconds(started), garbage };
}

const [command, seeds = '10000', steps = '10000', first = '1'] = process.argv.slice(2);
if (command === 'simulate') {
  runSimulation(Number(seeds), Number(steps), Number(first));
} else {
  for (const batch of [1, 64, 256]) {
    const { perSecond, garbage } = commitsPerSecond(batch, 100);
    console.log(`batches of ${batch}: ${Math.round(perSecond)} proposals per CPU second, ${Math.round(garbage)} bytes of garbage each`);
  }
  runSimulation(300, 5_000, 1);
}
