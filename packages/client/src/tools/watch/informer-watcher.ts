import type { Frozen, KubeObject, WatchFrame } from '@coracle/apimachinery';
import { EventChannel } from '../../util/event-channel.ts';
import { type CacheController, type CacheInformerOptions, newInformer } from '../cache/controller.ts';
import type { Store } from '../cache/indexer.ts';
import { objectFromDeletion } from '../cache/keys.ts';

/** An informer whose news are read as a watch (tools/watch NewIndexerInformerWatcher). */
export interface InformerWatcher<T> {
  readonly store: Store<T>;
  readonly controller: CacheController<T>;
  /** ADDED of what is there, then what happens; ends after `run`. A deletion has the last state that was known. */
  readonly events: AsyncIterable<WatchFrame>;
  /** Fills and follows until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** A watch that survives everything, as an informer does (tools/watch NewIndexerInformerWatcher). Events wait for their reader. */
export function informerWatcher<T extends KubeObject>(options: Omit<CacheInformerOptions<T>, 'handler'>): InformerWatcher<T> {
  const events = new EventChannel<WatchFrame>();
  const push = (type: WatchFrame['type'], object: Frozen<T> | undefined): void => {
    if (object !== undefined) events.push({ type, object: object as WatchFrame['object'] }); // an object of the API
  };
  const { store, controller } = newInformer<T>({
    ...options,
    handler: {
      onAdd: (object) => push('ADDED', object),
      onUpdate: (_old, object) => push('MODIFIED', object),
      onDelete: (deleted) => push('DELETED', objectFromDeletion(deleted)),
    },
  });
  return {
    store,
    controller,
    events,
    async run(signal) {
      try {
        await controller.run(signal);
      } finally {
        events.close();
      }
    },
  };
}
