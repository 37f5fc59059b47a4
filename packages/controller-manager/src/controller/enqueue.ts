import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { deletionKey, type KeyedController, metaNamespaceKey, type SharedIndexInformer } from '@coracle/client';

/** Every object that comes, changes or goes is looked at. */
export function enqueueEach<T extends KubeObject>(informer: SharedIndexInformer<T>, queue: KeyedController['queue']): void {
  const enqueue = (object: Frozen<T>): void => queue.add(metaNamespaceKey(object));
  informer.addEventHandler({
    onAdd: enqueue,
    onUpdate: (_old, object) => enqueue(object),
    onDelete: (deleted) => queue.add(deletionKey<T>(deleted)),
  });
}
