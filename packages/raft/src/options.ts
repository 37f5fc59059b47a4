import type { Logger } from './logger.ts';
import { type LogIndex, type NodeId, nobody } from './messages.ts';
import type { Storage } from './storage.ts';

/**
 * How a leader answers reads without writing. `safe`: it asks a majority whether it still leads. `lease-based`: it trusts that
 * nobody else can have been elected yet, because members promise not to vote for an election timeout after its heartbeat. That
 * holds while clocks tick alike within one tick per election timeout, and while nobody calls campaign() by hand.
 */
export type ReadOnlyOption = 'safe' | 'lease-based';

export interface RaftOptions {
  /** This node; an integer ≥ 1 that no other node ever had. */
  readonly id: NodeId;
  readonly storage: Storage;
  /** Ticks without a leader before an election; several times heartbeatTick, or elections never end. */
  readonly electionTick: number;
  /** Ticks between heartbeats. */
  readonly heartbeatTick: number;
  /**
   * An integer of [0, below). Spreads the election timeouts over [electionTick, 2 * electionTick), so that votes seldom split.
   */
  readonly random: (below: number) => number;
  /** The last index that was applied before the restart. Entries up to it are not handed out again. Default: that of the snapshot. */
  readonly applied?: LogIndex;
  /** Writes become messages to local workers, and the node goes on meanwhile. Then advance() must not be called. Default: false. */
  readonly asyncStorageWrites?: boolean;
  /** Bytes of entries in one append; 0 sends them singly. Default: no limit. */
  readonly maxSizePerMsg?: number;
  /** Bytes of committed entries that the application has at once. Default: maxSizePerMsg. */
  readonly maxCommittedSizePerReady?: number;
  /** Bytes of payload that the leader takes before they commit; further proposals are dropped. Default: no limit. */
  readonly maxUncommittedEntriesSize?: number;
  /** Appends on their way to one member. Default: 256. */
  readonly maxInflightMsgs?: number;
  /** Bytes on their way to one member, at least maxSizePerMsg. Default: no limit. */
  readonly maxInflightBytes?: number;
  /** A leader that has not heard from a majority for an election timeout steps down. Default: false. */
  readonly checkQuorum?: boolean;
  /** A candidate first asks whether it could win, and disturbs nobody if not. Default: false. */
  readonly preVote?: boolean;
  readonly readOnlyOption?: ReadOnlyOption;
  /** Followers drop proposals instead of sending them to the leader. Default: false. */
  readonly disableProposalForwarding?: boolean;
  /** The application itself sees to it that changes of membership do not overlap. Default: false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that is removed or demoted steps down when that is applied. Default: false. */
  readonly stepDownOnRemoval?: boolean;
  readonly logger?: Logger;
}

/** Options with their defaults. */
export type Settings = Required<Omit<RaftOptions, 'applied' | 'logger'>> & {
  readonly applied: LogIndex | undefined;
  readonly logger: Logger | undefined;
};

/** Throws RangeError for options that no node can work with. */
export function settingsOf(options: RaftOptions): Settings {
  const maxSizePerMsg = options.maxSizePerMsg ?? Number.POSITIVE_INFINITY;
  const settings: Settings = {
    asyncStorageWrites: false,
    maxUncommittedEntriesSize: Number.POSITIVE_INFINITY,
    maxInflightMsgs: 256,
    maxInflightBytes: Number.POSITIVE_INFINITY,
    checkQuorum: false,
    preVote: false,
    readOnlyOption: 'safe',
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    ...options,
    maxSizePerMsg,
    maxCommittedSizePerReady: options.maxCommittedSizePerReady ?? maxSizePerMsg,
    applied: options.applied,
    logger: options.logger,
  };
  const problem = problemOf(settings);
  if (problem !== undefined) throw new RangeError(`Cannot start a node: ${problem}`);
  return settings;
}

function problemOf(settings: Settings): string | undefined {
  const { id, electionTick, heartbeatTick, maxInflightMsgs, maxInflightBytes, maxSizePerMsg } = settings;
  if (!Number.isSafeInteger(id) || id <= nobody) return `id ${id} is not a positive integer`;
  if (!Number.isSafeInteger(heartbeatTick) || heartbeatTick <= 0) return `heartbeatTick ${heartbeatTick} is not a positive integer`;
  if (!Number.isSafeInteger(electionTick) || electionTick <= heartbeatTick) {
    return `electionTick ${electionTick} is not an integer above heartbeatTick ${heartbeatTick}`;
  }
  if (!Number.isSafeInteger(maxInflightMsgs) || maxInflightMsgs <= 0) return `maxInflightMsgs ${maxInflightMsgs} is not a positive integer`;
  if (!(maxSizePerMsg >= 0)) return `maxSizePerMsg ${maxSizePerMsg} is negative`;
  // One append would never fit into the window.
  if (maxInflightBytes < maxSizePerMsg && Number.isFinite(maxSizePerMsg)) {
    return `maxInflightBytes ${maxInflightBytes} is below maxSizePerMsg ${maxSizePerMsg}`;
  }
  if (!(maxInflightBytes > 0)) return `maxInflightBytes ${maxInflightBytes} is not positive`;
  if (!(settings.maxUncommittedEntriesSize > 0)) return `maxUncommittedEntriesSize ${settings.maxUncommittedEntriesSize} is not positive`;
  if (!(settings.maxCommittedSizePerReady > 0)) return `maxCommittedSizePerReady ${settings.maxCommittedSizePerReady} is not positive`;
  if (settings.readOnlyOption === 'lease-based' && !settings.checkQuorum) return 'lease-based reads need checkQuorum';
  return undefined;
}
