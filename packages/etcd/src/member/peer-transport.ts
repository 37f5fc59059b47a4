import type { Message, NodeId } from '@coracle/raft';
import type { MemberInfo } from './members.ts';
import type { HashOfInterval } from './state-hash.ts';

/** What members tell each other. */
export type PeerMessage =
  | { readonly kind: 'raft'; readonly message: Message }
  /** Asks whether the receiver has ever heard of the sender with another disk. `isFresh`: the sender has never voted. */
  | { readonly kind: 'hello'; readonly isFresh: boolean }
  /** The answer: `knownDisk` is what the receiver keeps as the sender's, 0 for none. */
  | { readonly kind: 'welcome'; readonly knownDisk: number }
  /** A follower's client keeps a lease alive, which is for the leader to do. */
  | { readonly kind: 'keepAlive'; readonly request: number; readonly lease: string }
  /** The time to live that the lease has from now on in seconds, 0 when there is none; −1 when the asked one does not lead. */
  | { readonly kind: 'keptAlive'; readonly request: number; readonly ttlSeconds: number }
  /** What the sender made of an interval of the log. */
  | { readonly kind: 'hash'; readonly interval: HashOfInterval }
  /** A follower's client wants a learner to vote from now on: only the leader knows how far the learner has come. */
  | { readonly kind: 'promote'; readonly request: number; readonly id: NodeId }
  /** Why not, in etcd's words; empty when it was done. */
  | { readonly kind: 'promoted'; readonly request: number; readonly refusal: string }
  /** A follower's client asks what is left of a lease, whose time the leader keeps. */
  | { readonly kind: 'timeToLive'; readonly request: number; readonly lease: string }
  /** Whole milliseconds; -1 when the asked one does not lead. A lease that is not there has none left. */
  | { readonly kind: 'remaining'; readonly request: number; readonly ms: number }
  /** The receiver was a member once and is none any more. */
  | { readonly kind: 'removed' };

/** What answers a question to the leader. */
export type PeerAnswer = Extract<PeerMessage, { readonly kind: 'keptAlive' | 'promoted' | 'remaining' }>;

/** A message with its sender. */
export interface Envelope {
  readonly clusterId: string;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Of the sender's directory: one that lost it has forgotten its votes, and must not be listened to. */
  readonly diskId: number;
  readonly body: PeerMessage;
}

/** What a member tells one that is to join, and does not know the cluster yet. */
export interface ClusterDescription {
  readonly clusterId: string;
  /** As they were applied by the one that tells. */
  readonly members: readonly MemberInfo[];
}

/** What a transport delivers to. */
export interface PeerReceiver {
  describe(): ClusterDescription;
  /**
   * The one member of `asked` has a damaged directory, and asks to be removed and added again, with the same peer URLs and another id, as a
   * learner. Resolves once that is so here, with no text, or with why it cannot be.
   */
  replace(asked: ClusterDescription): Promise<string>;
  /** In the order in which one peer sent them, as far as they arrive. */
  receive(envelope: Envelope): void;
  /** A snapshot's file is coming; resolves once it is taken or refused. */
  receiveSnapshot(envelope: Envelope, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** What was sent to `peer` may be lost. */
  unreachable(peer: NodeId): void;
}

/**
 * How members reach each other. Messages may be lost, come twice or late: Raft bears that. Queues are bounded: what does not
 * fit is lost, and reported as unreachable.
 */
export interface PeerTransport {
  start(receiver: PeerReceiver): void;
  send(envelope: Envelope): void;
  /** Sends a MsgSnap and the file that belongs to it. Never rejects. */
  sendSnapshot(envelope: Envelope, content: AsyncIterable<Uint8Array>): Promise<'finished' | 'failed'>;
  /** Who takes part now, and where they are. */
  setPeers(peers: ReadonlyMap<NodeId, readonly string[]>): void;
  /** Since when messages could go to a peer without a break, by the monotonic clock; undefined while they cannot. */
  connectedSinceMs(peer: NodeId): number | undefined;
  close(): Promise<void>;
}
