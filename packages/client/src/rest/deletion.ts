import { deepFreeze, type DeleteOptions, type Frozen, type Status } from '@coracle/apimachinery';

/**
 * What the server says of a deletion: a Status, whose `details` name what is gone; or the object, as it was when it went, or as it is
 * while its finalizers or its grace period hold it. Which of them is the server's choice, kind by kind; client-go throws it away.
 */
export type Deletion<T> =
  | { readonly status: Frozen<Status>; readonly object?: undefined }
  | { readonly object: Frozen<T>; readonly status?: undefined };

/** What came back for a DELETE of one object. Some servers answer with nothing, which says no less than a Status. */
export function deletionOf<T>(answer: Frozen<unknown>): Deletion<T> {
  if (typeof answer !== 'object' || answer === null) return { status: deepFreeze({ kind: 'Status', apiVersion: 'v1', metadata: {} }) };
  const { kind } = answer as { readonly kind?: unknown };
  return kind === 'Status' ? { status: answer as Frozen<Status> } : { object: answer as Frozen<T> }; // by its kind
}

/** The body of a DELETE. */
export function deleteBody(options: DeleteOptions): Frozen<unknown> {
  return deepFreeze({ kind: 'DeleteOptions', apiVersion: 'v1', ...options } as unknown);
}
