/** The reason of an aborted signal as an Error, whatever was passed to `abort`. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(`Aborted: ${String(signal.reason)}`);
}

/** Resolves when `signal` aborts; at once when it has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * What `work` settles with, or a rejection with the signal's reason, whichever comes first. The work itself goes on, and nobody
 * hears how it ends. Leaves no listener behind.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortReason(signal));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    // The abort first: it wins over work that has settled as well. The race also takes what the loser rejects with.
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * A signal that aborts when the first of `signals` does, for its reason. Unlike `AbortSignal.any`, whose signal Node keeps alive, with
 * all that listens to it, until one of them aborts: a simulated cluster is left without notice. Disposing it leaves `signals`.
 */
export function firstAborted(...signals: readonly (AbortSignal | undefined)[]): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const leave = (): void => {
    for (const signal of signals) signal?.removeEventListener('abort', onAbort);
  };
  const onAbort = (event: Event): void => abort(event.target as AbortSignal); // it is listened to on signals only
  const abort = (signal: AbortSignal): void => {
    leave();
    controller.abort(signal.reason);
  };
  const aborted = signals.find((signal) => signal?.aborted === true);
  if (aborted === undefined) for (const signal of signals) signal?.addEventListener('abort', onAbort);
  else abort(aborted);
  return { signal: controller.signal, [Symbol.dispose]: leave };
}
