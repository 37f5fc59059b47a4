import type { ApiObject } from '../registry/definition.ts';

/** `object` with the finalizer; the object itself when it has it. */
export function withFinalizer(object: ApiObject, finalizer: string): ApiObject {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}
