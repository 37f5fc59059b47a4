import { assert } from '@coracle/kernel';
import { txnBytes } from '../mvcc/check-txn.ts';
import type { TxnResult } from '../mvcc/types.ts';
import { type BatchName, encodeBatch } from '../wal/batch.ts';
import { ByteWriter } from '../wal/binary.ts';
import type { Entry } from '../wal/entry.ts';
import { recordBytes } from '../wal/record.ts';
import type { Outcome, Waiting } from './replica.ts';

/** Bounds of a batch: what one entry of the log holds, and one sync makes durable. A single larger request is a batch of its own. */
const maxBatchBytes = 1024 * 1024;
const maxBatchRequests = 512;
/** Requests waiting for their batch; beyond it etcd too answers that there are too many. */
const maxWaiting = 5000;

/** More requests wait than the disk can take. Not proposed, so it may be tried again. The text is etcd's. */
export class TooManyRequestsError extends Error {
  override readonly name = 'TooManyRequestsError';
  constructor() {
    super('etcdserver: too many requests');
  }
}

export interface Proposal {
  readonly request: Entry;
  /** What it takes in the log, at most. */
  readonly bytes: number;
  readonly askedMs: number;
  readonly resolve: (result: TxnResult | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A batch that was given a name, until its requests are answered. */
export interface OfferedBatch extends Waiting {
  readonly sequence: number;
  readonly proposals: readonly Proposal[];
  readonly data: Uint8Array;
  /** The term in which it was proposed last, or undefined while it must be proposed again; and at which tick. */
  term: number | undefined;
  tick: number;
}

/** The requests of this member's clients: waiting for a batch, or in one that is on its way. */
export class Proposals {
  readonly #proposer: number;
  readonly #incarnation: number;
  readonly #writer = new ByteWriter();
  #waiting: Proposal[] = [];
  readonly #offered = new Map<number, OfferedBatch>();
  #nextSequence = 1;

  constructor(options: { readonly proposer: number; readonly incarnation: number }) {
    this.#proposer = options.proposer;
    this.#incarnation = options.incarnation;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Batches that are on their way, oldest first. */
  get offered(): ReadonlyMap<number, OfferedBatch> {
    return this.#offered;
  }

  /** Resolves once the request is applied. Rejects with TooManyRequestsError, or as the state machine refuses it. */
  add(request: Entry, askedMs: number): Promise<TxnResult | undefined> {
    if (this.#waiting.length >= maxWaiting) return Promise.reject(new TooManyRequestsError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, bytes: bytesOf(request), askedMs, resolve, reject });
    });
  }

  /** Those that make up the next batch, which wait no more. */
  take(): readonly Proposal[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(this.#waiting.length, maxBatchRequests); count++) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      if (count > 0 && bytes > maxBatchBytes) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Names a batch of `proposals`; it is on its way until it is settled. */
  offer(proposals: readonly Proposal[]): OfferedBatch {
    const sequence = this.#nextSequence++;
    const [oldest = sequence] = this.#offered.keys();
    const requests = proposals.map(({ request }) => request);
    const name = { proposer: this.#proposer, incarnation: this.#incarnation, sequence, settledBelow: oldest };
    const batch: OfferedBatch = {
      sequence,
      proposals,
      requests,
      data: encodeBatch(this.#writer, { ...name, requests }),
      term: undefined,
      tick: 0,
      answer: (position, outcome) => answer(proposals[position], outcome),
    };
    this.#offered.set(sequence, batch);
    return batch;
  }

  /** The batch of this name, if it is one of this member's that is on its way: it is settled by being applied. */
  settle({ proposer, incarnation, sequence }: BatchName): OfferedBatch | undefined {
    if (proposer !== this.#proposer || incarnation !== this.#incarnation) return undefined;
    const batch = this.#offered.get(sequence);
    this.#offered.delete(sequence);
    return batch;
  }

  /** Answers those that were asked for at or before `askedMs` with an error. They may be done all the same. */
  expire(askedMs: number, error: () => Error): void {
    const late = this.#waiting.findIndex((proposal) => proposal.askedMs > askedMs);
    for (const { reject } of this.#waiting.splice(0, late < 0 ? this.#waiting.length : late)) reject(error());
    for (const [sequence, { proposals }] of this.#offered) {
      if (proposals.some((proposal) => proposal.askedMs > askedMs)) continue;
      this.#offered.delete(sequence);
      for (const { reject } of proposals) reject(error());
    }
  }
}

function answer(proposal: Proposal | undefined, outcome: Outcome): void {
  assert(proposal !== undefined, 'a batch has as many answers as requests');
  if ('refusal' in outcome) proposal.reject(outcome.refusal);
  else proposal.resolve(outcome.result);
}

/** Upper bound of what the request takes in the log. */
function bytesOf(request: Entry): number {
  const payload = request.kind === 'txn' ? txnBytes(request.txn) : request.kind === 'checkpoint' ? 16 + 20 * request.leases.length : 48;
  assert(Number.isSafeInteger(payload), 'a request has a size');
  return recordBytes(payload);
}
