import type { Entry, HardState, Message, ReadState, Snapshot, SoftState } from './messages.ts';

/**
 * What the node asks the application to do: make `hardState`, `entries` and `snapshot` durable, then send `messages`, then apply
 * `committedEntries`. With asynchronous storage writes all of that is in `messages` already, and the rest is for information.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Whether entries and hard state must be synced before messages leave. A snapshot is always synced. */
  readonly mustSync: boolean;
}
