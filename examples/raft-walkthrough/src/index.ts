// A leader, a partition and a log conflict, in words: node --conditions=coracle-source examples/raft-walkthrough/src/index.ts
import { describeEntry, MemoryStorage, type Message, RawNode } from '@coracle/raft';

const nobodyYet = { votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** Three members in one process: what they send is delivered at once, unless somebody is cut off. */
class Group {
  readonly #say: (line: string) => void;
  readonly #members = [1, 2, 3].map((id) => {
    const storage = new MemoryStorage({ confState: { voters: [1, 2, 3], ...nobodyYet } });
    return { id, storage, node: new RawNode({ id, storage, electionTick: 10, heartbeatTick: 1, random: () => id }) };
  });
  cutOff: readonly number[] = [];

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  node(id: number): RawNode {
    const member = this.#members[id - 1];
    if (member === undefined) throw new RangeError(`There is no member ${id}`);
    return member.node;
  }

  /** Does what every member asks for, until none asks for anything: store, send, apply, advance. */
  settle(): void {
    let messages: Message[] = [];
    do {
      messages = [];
      for (const { id, storage, node } of this.#members) {
        if (!node.hasReady()) continue;
        const ready = node.ready();
        if (ready.softState?.state === 'StateLeader') this.#say(`  ${id} leads term ${node.status().term}`);
        if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
        storage.append(ready.entries);
        for (const { index, data } of ready.committedEntries) {
          if (data.length > 0) this.#say(`  ${id} applies "${new TextDecoder().decode(data)}" at ${index}`);
        }
        messages.push(...ready.messages);
        node.advance();
      }
      for (const message of messages) {
        if (this.cutOff.includes(message.from) === this.cutOff.includes(message.to)) this.node(message.to).step(message);
      }
    } while (messages.length > 0 || this.#members.some(({ node }) => node.hasReady()));
  }

  propose(id: number, text: string): void {
    this.#say(`A client asks ${id} for "${text}"`);
    this.node(id).propose(new TextEncoder().encode(text));
    this.settle();
  }

  showLogs(): void {
    for (const { id, node } of this.#members) {
      const { commit } = node.status();
      const log = node.entriesFrom(1).map((entry) => `${describeEntry(entry)}${entry.index > commit ? ' (not committed)' : ''}`);
      this.#say(`  log of ${id}: ${log.join(', ')}`);
    }
  }
}

export function walkthrough(say: (line: string) => void): void {
  const group = new Group(say);
  say('1 calls an election, and a majority votes for it:');
  group.node(1).campaign();
  group.settle();
  group.propose(1, 'a');

  say('1 is cut off from 2 and 3. It does not know, and takes another wish, which it cannot commit:');
  group.cutOff = [1];
  group.propose(1, 'lost');
  say('2 hears nothing from the leader, and calls an election:');
  group.node(2).campaign();
  group.settle();
  group.propose(2, 'b');
  group.showLogs();

  say('The network heals. A heartbeat of the new term reaches 1, which steps down; its log gives way where it differs:');
  group.cutOff = [];
  group.node(2).tick();
  group.settle();
  group.showLogs();
}

if (import.meta.main) walkthrough((line) => process.stdout.write(`${line}\n`));
