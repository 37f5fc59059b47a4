export {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  parseConfChange,
} from './conf-change.ts';
export { type Configuration, type ConfigurationChange, isMember, isVoter, members } from './configuration.ts';
export { describeConfiguration, describeEntry, describeMessage, describeReady } from './describe.ts';
export { RaftInvariantError } from './invariant.ts';
export type { Logger } from './logger.ts';
export {
  appendWorker,
  applyWorker,
  type ConfState,
  type Entry,
  type EntryId,
  type EntryType,
  type HardState,
  type InstallSnapshot,
  isEmptyHardState,
  isWorker,
  type LogIndex,
  type Message,
  type MessageType,
  type NodeId,
  nobody,
  type Proposal,
  type ReadState,
  type Snapshot,
  type SoftState,
  type StateName,
  type StorageAppend,
  type StorageApply,
  type Term,
} from './messages.ts';
export { changeConfiguration } from './membership.ts';
export type { RaftOptions, ReadOnlyOption } from './options.ts';
export type { ProgressStateName } from './progress.ts';
export { type ProposeResult, RawNode, type Status, type StepResult } from './raw-node.ts';
export type { Ready } from './ready.ts';
export { type LogGap, MemoryStorage, type Storage } from './storage.ts';
