import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import type { KubeObject, Unstructured } from '@coracle/apimachinery';
import { type ResourceHandle, resources } from '@coracle/client';
import type { PodRow } from './fixtures/objects.ts';
import { scene, type Scene } from './fixtures/scene.ts';

// What the real scheduler said of pods, and what ours says in the same scenarios.

const folder = path.join(import.meta.dirname, '../../../../shared/data/kubernetes-1.37/traces/scheduler');
const { core, scheduling, storage } = resources;
const handles = new Map<string, ResourceHandle<KubeObject>>(
  [
    core.v1.pods,
    core.v1.nodes,
    core.v1.persistentVolumeClaims,
    core.v1.persistentVolumes,
    storage.v1.storageClasses,
    scheduling.v1.priorityClasses,
  ].map((handle) => [handle.kind, handle]),
);

const noPreemption = 'nobody is preempted';
const noSpread = 'topology spread is not built';

/** Scenarios with another outcome, and why. */
const different: Readonly<Record<string, string>> = {
  'preemption-slow-victim': noPreemption,
  preemption: noPreemption,
  'topology-spread': noSpread,
  'topology-spread-min-domains': noSpread,
};

/** Pods that were left over from the scenario before, when it was recorded. */
const leftOver: Readonly<Record<string, readonly PodRow[]>> = { 'too-many-pods': [{ name: 'left-over', nodeName: 'n1' }] };

interface NodeRow {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly unknown[];
  readonly unschedulable?: boolean;
  readonly capacity?: Readonly<Record<string, string>>;
}

interface Action {
  readonly create?: KubeObject | readonly KubeObject[];
  readonly patch?: string;
  readonly type?: 'strategic' | 'merge';
  readonly body?: unknown;
  readonly delete?: string;
  readonly bind?: string;
  readonly node?: string;
  readonly addNode?: NodeRow;
  readonly kubelet?: string | readonly string[];
}

interface State {
  readonly step: number;
  readonly by: string;
  readonly event: string;
  readonly object?: Pod;
  readonly merge?: Partial<Pod>;
}

interface Recording {
  readonly nodes: readonly NodeRow[];
  readonly steps: readonly {
    readonly action: Action;
    readonly settled: Readonly<Record<string, { readonly state?: number }>>;
    readonly gone?: readonly string[];
  }[];
  readonly objects: readonly { readonly id: string; readonly states: readonly State[] }[];
}

const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T]; // Array.isArray does not narrow readonly arrays

/** `bound`, or why not. What upstream adds about preemption is left out. */
function verdictOf(pod: Pod | undefined): string {
  if (pod === undefined) return 'gone';
  if (pod.spec.nodeName !== undefined) return 'bound';
  const message = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '';
  return message.replace(/ (preemption: .*|not found)$/s, '');
}

/** The verdict on each pod after each step, as recorded. Specs and conditions are never merged in part: the last of each counts. */
function recordedVerdicts({ objects, steps }: Recording): readonly ReadonlyMap<string, string>[] {
  const states = new Map(
    objects.map(({ id, states: of }) => {
      let pod: Pod | undefined;
      const full = of.map(({ object, merge }) => {
        pod = object ?? (pod && ({ ...pod, spec: { ...pod.spec, ...merge?.spec }, status: { ...pod.status, ...merge?.status } } as Pod)); // patches of pods
        return pod;
      });
      return [id, full] as const;
    }),
  );
  const current = new Map<string, string>();
  return steps.map(({ settled, gone = [] }) => {
    for (const [id, { state }] of Object.entries(settled)) {
      if (id.startsWith('Pod/') && state !== undefined) current.set(id.slice('Pod/'.length), verdictOf(states.get(id)?.[state]));
    }
    for (const id of gone) current.delete(id.slice('Pod/'.length));
    return new Map(current);
  });
}

async function addNode({ addNode: add }: Scene, { name, labels = {}, taints, unschedulable, capacity = {} }: NodeRow): Promise<void> {
  await add({
    name,
    labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...labels },
    allocatable: { cpu: '8', memory: '16Gi', pods: '110', 'ephemeral-storage': '100Gi', ...capacity },
    ...(taints === undefined ? {} : { taints: taints as never }),
    ...(unschedulable === undefined ? {} : { unschedulable }),
  });
}

async function act(of: Scene, action: Action): Promise<void> {
  const { runtime, admin } = of;
  const client = (kind = '') => {
    const handle = handles.get(kind);
    if (handle === undefined) throw new RangeError(`No scenario of ours has objects of kind "${kind}"`);
    return admin.resource<KubeObject>(handle, handle.namespaced ? 'default' : '');
  };
  for (const object of listOf(action.create)) {
    const scope = handles.get(object.kind ?? '')?.namespaced === true ? { namespace: 'default' } : {};
    await runtime.drive(client(object.kind).create({ ...object, metadata: { ...object.metadata, ...scope } } as Unstructured));
    await runtime.advance(200);
  }
  if (action.patch !== undefined) {
    const [kind, name = ''] = action.patch.split('/');
    await runtime.drive(client(kind).patch(name, action.type ?? 'strategic', action.body));
  }
  if (action.delete !== undefined) {
    const [kind, name = ''] = action.delete.split('/');
    await runtime.drive(client(kind).delete(name, { gracePeriodSeconds: 0 }));
  }
  if (action.addNode !== undefined) await addNode(of, action.addNode);
  if (action.bind !== undefined) {
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: action.bind },
      target: { apiVersion: 'v1', kind: 'Node', name: action.node ?? '' },
    };
    await runtime.drive(admin.coreV1.pods('default').subresource(action.bind, 'binding').create(binding)).catch(() => undefined); // the second one is refused
  }
}

/** Writes of volumes and claims what the volume controller wrote in this step. */
async function bindVolumes({ runtime, admin }: Scene, { objects }: Recording, step: number): Promise<void> {
  for (const { id, states } of objects) {
    const [kind = '', name = ''] = id.split('/');
    const handle = handles.get(kind);
    if (handle === undefined || !kind.startsWith('PersistentVolume')) continue;
    const client = admin.resource<KubeObject>(handle, handle.namespaced ? 'default' : '');
    for (const { by, step: at, merge } of states) {
      if (at !== step || merge === undefined || !by.startsWith('kube-controller-manager')) continue;
      const body: unknown = JSON.parse(JSON.stringify(merge).replaceAll('{time}', '2026-01-01T00:00:00Z'));
      await runtime.drive(client.patch(name, 'merge', body, by.endsWith('/status') ? { subresource: 'status' } : {}));
    }
  }
}

/** What ours says otherwise. */
async function play(name: string, recording: Recording): Promise<readonly string[]> {
  const of = await scene();
  for (const row of recording.nodes) await addNode(of, row);
  for (const row of leftOver[name] ?? []) await of.addPod(row);
  await of.runtime.advance(1000);
  const wanted = recordedVerdicts(recording);
  const found: string[] = [];
  for (const [i, { action }] of recording.steps.entries()) {
    await act(of, action);
    await bindVolumes(of, recording, i + 1);
    await of.runtime.advance(12_000); // the longest back-off
    const { items } = await of.runtime.drive(of.admin.coreV1.pods('default').list());
    const got = new Map(items.map((pod) => [pod.metadata.name ?? '', verdictOf(pod as Pod)]));
    for (const [name, verdict] of wanted[i] ?? [])
      if (got.get(name) !== verdict) found.push(`step ${i + 1} ${name}: wanted "${verdict}", got "${got.get(name)}"`);
  }
  return found;
}

describe('recorded traces of the scheduler', { skip: existsSync(folder) ? false : 'no ../shared/data beside the repository' }, () => {
  for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const name = path.basename(file, '.json');
    const why = different[name];
    test(why === undefined ? name : `${name} differs: ${why}`, async () => {
      const recording = JSON.parse(readFileSync(path.join(folder, file), 'utf8').replaceAll('{ns}', 'default')) as Recording; // of our own recorder
      const found = await play(name, recording).catch((error: unknown) => [String(error)]);
      if (why === undefined) assert.deepEqual(found, []);
      else assert.notDeepEqual(found, [], 'does not differ any more');
    });
  }
});
