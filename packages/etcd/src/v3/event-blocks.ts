import type { Change, KeyValue } from '../mvcc/types.ts';
import { eventBlock } from './kv-responses.ts';

/** How many changes are remembered: those that are told to many watchers are told at once. */
const capacity = 256;

/** The encoded events of the last changes, made once for all watchers that are told of them. */
export class EventBlocks {
  readonly #bare = new Map<KeyValue | Change, Buffer>();
  readonly #withPrevious = new Map<KeyValue | Change, Buffer>();

  of(change: Change, withPrevious: boolean): Buffer {
    const blocks = withPrevious ? this.#withPrevious : this.#bare;
    const event = change.current ?? change; // of an event that is read again, the version is the same and the change another
    let block = blocks.get(event);
    if (block === undefined) {
      block = eventBlock(change, withPrevious);
      if (blocks.size >= capacity) blocks.clear();
      blocks.set(event, block);
    }
    return block;
  }
}
