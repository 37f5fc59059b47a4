import type { EntryType, NodeId, Proposal } from './messages.ts';

export type ConfChangeType = 'ConfChangeAddNode' | 'ConfChangeRemoveNode' | 'ConfChangeUpdateNode' | 'ConfChangeAddLearnerNode';

export type ConfChangeTransition = 'ConfChangeTransitionAuto' | 'ConfChangeTransitionJointImplicit' | 'ConfChangeTransitionJointExplicit';

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
}

/** A change of membership. Without changes and with the automatic transition it asks to leave a joint configuration. */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

/** How a change is carried out: one majority at a time, through a joint configuration, or out of one. */
export type ConfChangeStep =
  | { readonly kind: 'simple' }
  | { readonly kind: 'enter-joint'; readonly autoLeave: boolean }
  | { readonly kind: 'leave-joint' };

export function confChangeStep(change: ConfChange): ConfChangeStep {
  if (change.transition === 'ConfChangeTransitionAuto') {
    if (change.changes.length === 0) return { kind: 'leave-joint' };
    if (change.changes.length === 1) return { kind: 'simple' };
  }
  return { kind: 'enter-joint', autoLeave: change.transition !== 'ConfChangeTransitionJointExplicit' };
}

// Positions are the values of raft.proto.
const types: readonly ConfChangeType[] = ['ConfChangeAddNode', 'ConfChangeRemoveNode', 'ConfChangeUpdateNode', 'ConfChangeAddLearnerNode'];
const transitions: readonly ConfChangeTransition[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
];

/** The change as a proposal in the encoding of raft.proto's ConfChangeV2, so that other implementations read our logs. */
export function confChangeProposal(change: ConfChange): Proposal {
  const bytes: number[] = [];
  // Asking to leave is an entry without data, as upstream writes it.
  if (confChangeStep(change).kind === 'leave-joint' && change.context.length === 0)
    return { type: 'EntryConfChangeV2', data: new Uint8Array(0) };
  pushVarint(bytes, 1, transitions.indexOf(change.transition));
  for (const single of change.changes) {
    const inner: number[] = [];
    pushVarint(inner, 1, types.indexOf(single.type));
    pushVarint(inner, 2, single.nodeId);
    pushBytes(bytes, 2, inner);
  }
  if (change.context.length > 0) pushBytes(bytes, 3, change.context);
  return { type: 'EntryConfChangeV2', data: Uint8Array.from(bytes) };
}

/** The same for raft.proto's older ConfChange, which names a single member. */
export function confChangeV1Proposal(single: ConfChangeSingle, context: Uint8Array = new Uint8Array(0)): Proposal {
  const bytes: number[] = [];
  pushVarint(bytes, 2, types.indexOf(single.type));
  pushVarint(bytes, 3, single.nodeId);
  if (context.length > 0) pushBytes(bytes, 4, context);
  return { type: 'EntryConfChange', data: Uint8Array.from(bytes) };
}

/** Reads either kind of entry. Throws SyntaxError when the bytes are no change; undefined for an entry of another type. */
export function parseConfChange(entry: { readonly type: EntryType; readonly data: Uint8Array }): ConfChange | undefined {
  switch (entry.type) {
    case 'EntryNormal':
      return undefined;
    case 'EntryConfChange':
      return parseV1(entry.data);
    case 'EntryConfChangeV2':
      return parseV2(entry.data);
  }
}

function parseV1(data: Uint8Array): ConfChange {
  let type = 0;
  let nodeId = 0;
  let context: Uint8Array = new Uint8Array(0);
  for (const field of fields(data)) {
    if (field.number === 2) type = numberOf(field);
    else if (field.number === 3) nodeId = numberOf(field);
    else if (field.number === 4) context = bytesOf(field);
  }
  return { transition: 'ConfChangeTransitionAuto', changes: [{ type: named(types, type), nodeId }], context };
}

function parseV2(data: Uint8Array): ConfChange {
  let transition = 0;
  let context: Uint8Array = new Uint8Array(0);
  const changes: ConfChangeSingle[] = [];
  for (const field of fields(data)) {
    if (field.number === 1) transition = numberOf(field);
    else if (field.number === 3) context = bytesOf(field);
    else if (field.number === 2) {
      let type = 0;
      let nodeId = 0;
      for (const inner of fields(bytesOf(field))) {
        if (inner.number === 1) type = numberOf(inner);
        else if (inner.number === 2) nodeId = numberOf(inner);
      }
      changes.push({ type: named(types, type), nodeId });
    }
  }
  return { transition: named(transitions, transition), changes, context };
}

interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

function* fields(data: Uint8Array): Generator<Field, undefined> {
  for (let at = 0; at < data.length; ) {
    const tag = readVarint(data, at);
    const value = readVarint(data, tag.next);
    const number = Math.floor(tag.value / 8);
    at = value.next;
    if (tag.value % 8 === 0) yield { number, value: value.value };
    else if (tag.value % 8 === 2 && at + value.value <= data.length) {
      yield { number, value: data.subarray(at, at + value.value) };
      at += value.value;
    } else throw new SyntaxError(`Configuration change: unreadable field ${number}`);
  }
}

function readVarint(data: Uint8Array, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < data.length && at < start + 10; at += 1) {
    const byte = data[at] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) {
      if (!Number.isSafeInteger(value)) break;
      return { value, next: at + 1 };
    }
    scale *= 128;
  }
  throw new SyntaxError('Configuration change: unreadable number');
}

function numberOf(field: Field): number {
  if (typeof field.value === 'number') return field.value;
  throw new SyntaxError(`Configuration change: field ${field.number} is not a number`);
}

function bytesOf(field: Field): Uint8Array {
  if (typeof field.value !== 'number') return field.value;
  throw new SyntaxError(`Configuration change: field ${field.number} is not bytes`);
}

function named<T extends string>(names: readonly T[], value: number): T {
  const name = names[value];
  if (name === undefined) throw new SyntaxError(`Configuration change: unknown value ${value}`);
  return name;
}

function pushVarint(bytes: number[], field: number, value: number): void {
  bytes.push(field * 8);
  pushNumber(bytes, value);
}

function pushBytes(bytes: number[], field: number, data: Iterable<number> & { readonly length: number }): void {
  bytes.push(field * 8 + 2);
  pushNumber(bytes, data.length);
  for (const byte of data) bytes.push(byte);
}

function pushNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}
