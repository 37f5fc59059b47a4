import type { HeapProfiler, Profiler, Runtime } from 'node:inspector';
import path from 'node:path';
import type { Frame, Profile, Sample } from './profile-proto.ts';

/** When a profile began, and how far its samples lie apart. */
export interface Sampling {
  /** In milliseconds since the epoch. */
  readonly timeMs: number;
  /** Microseconds, or bytes. */
  readonly interval: number;
}

/** What V8 calls the time in which nothing ran. */
const idle = '(idle)';

/**
 * The time for which each stack ran, without the time in which none did. V8 samples the main thread by the clock on the wall: what waited
 * for a processor counts as having run. A function that V8 had taken into its caller before the profile began stands under the caller's
 * name, and its lines under the wrong file: so a function has one line, where it begins.
 */
export function cpuProfile({ nodes, samples = [], timeDeltas = [], startTime, endTime }: Profiler.Profile, sampling: Sampling): Profile {
  const parents = new Map<number, number>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const counts = new Map<number, { count: number; us: number }>();
  let atUs = startTime;
  samples.forEach((id, i) => {
    atUs += timeDeltas[i] ?? 0;
    // A stack was seen at the end of its delta, and ran until the next was seen.
    const us = timeDeltas[i + 1] ?? endTime - atUs;
    const sum = counts.get(id) ?? { count: 0, us: 0 };
    counts.set(id, { count: sum.count + 1, us: sum.us + Math.max(0, us) });
  });
  const stackOf = (id: number): Frame[] => {
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = byId.get(at);
      if (node !== undefined && parents.has(at)) stack.push(frameOf(node.callFrame)); // the root is no function
    }
    return stack;
  };
  const found = [...counts].flatMap(([id, { count, us }]): Sample[] => {
    const stack = stackOf(id);
    return stack.length === 0 || stack[0]?.name === idle ? [] : [{ stack, values: [count, Math.round(us) * 1_000] }];
  });
  return {
    sampleTypes: [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    samples: found,
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: sampling.interval * 1_000,
    timeMs: sampling.timeMs,
    durationMs: (endTime - startTime) / 1_000,
  };
}

/** Bytes that are held, by the stack that asked for them. V8 tells no number of objects. */
export function heapProfile({ head }: HeapProfiler.SamplingHeapProfile, sampling: Sampling): Profile {
  const samples: Sample[] = [];
  const open: HeapPlace[] = head.children.map((node) => ({ node, caller: undefined })); // the root is no function
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const caller = next;
    const { selfSize, children } = caller.node;
    if (selfSize > 0) samples.push({ stack: stackAt(caller), values: [Math.round(selfSize)] });
    for (const node of children) open.push({ node, caller });
  }
  return {
    sampleTypes: [{ type: 'inuse_space', unit: 'bytes' }],
    samples,
    periodType: { type: 'space', unit: 'bytes' },
    period: sampling.interval,
    timeMs: sampling.timeMs,
    durationMs: 0,
  };
}

interface HeapPlace {
  readonly node: HeapProfiler.SamplingHeapProfileNode;
  readonly caller: HeapPlace | undefined;
}

function stackAt(place: HeapPlace): Frame[] {
  const stack: Frame[] = [];
  for (let at: HeapPlace | undefined = place; at !== undefined; at = at.caller) stack.push(frameOf(at.node.callFrame));
  return stack;
}

/** V8 counts from 0, and has -1 for what has no place. Functions without a name get one, as tools sum up by name. */
function frameOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): Frame {
  const file = url.replace(/^file:\/\//, '');
  const line = lineNumber + 1;
  const place = file === '' ? '' : ` ${path.posix.basename(file)}:${line}`;
  return { name: functionName === '' ? `(anonymous${place})` : functionName, file, line, column: columnNumber + 1 };
}
