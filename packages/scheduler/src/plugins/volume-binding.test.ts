import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, StorageClass } from '@coracle/api';
import { podInfoOf } from '../cache/pod-info.ts';
import { node, nodeInfo, pod, type PodRow, view, type ViewRow } from '../fixtures/objects.ts';
import { mayHelp } from '../framework.ts';
import {
  reasonBindConflict,
  reasonNodeConflict,
  reasonVolumeMissing,
  selectedNodeAnnotation,
  volumeBinding,
  volumeStepsFor,
} from './volume-binding.ts';

interface ClaimRow {
  readonly spec?: Partial<PersistentVolumeClaim['spec']>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly phase?: string;
}

const usesData: PodRow = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
const late: StorageClass = { metadata: { name: 'late' }, provisioner: 'example.com/disk', volumeBindingMode: 'WaitForFirstConsumer' };
const local: StorageClass = { ...late, metadata: { name: 'local' }, provisioner: 'kubernetes.io/no-provisioner' };
const inZone = (zone: string): PersistentVolumeSpec => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }] } },
});
const on = nodeInfo(node({ labels: { zone: 'a' } }));

function claim({ spec = {}, annotations = {}, phase = 'Pending' }: ClaimRow = {}): PersistentVolumeClaim {
  const resources = { requests: { storage: '5Gi' } };
  return {
    metadata: { name: 'data', namespace: 'default', uid: 'c', annotations },
    spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources, ...spec },
    status: { phase },
  };
}

function volume(name: string, spec: PersistentVolumeSpec = {}, phase = 'Available'): PersistentVolume {
  return {
    metadata: { name },
    spec: { storageClassName: 'local', accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' }, ...spec },
    status: { phase },
  };
}

const bound = claim({ spec: { volumeName: 'v1' }, phase: 'Bound' });
const ofLocal = claim({ spec: { storageClassName: 'local' } });
const small = volume('small', { capacity: { storage: '1Gi' } });

describe('VolumeBinding', () => {
  for (const { what, row = usesData, world, want, steps = [] } of [
    { what: 'lets a pod without claims alone', row: {}, world: {}, want: undefined },
    { what: 'waits for a claim that is not there', world: {}, want: 'persistentvolumeclaim "data" not found' },
    {
      what: 'waits for an ephemeral claim to be made',
      row: { volumes: [{ name: 'scratch', ephemeral: {} }] },
      world: {},
      want: 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"',
    },
    {
      what: 'does not take the claim of another for an ephemeral one',
      row: { volumes: [{ name: 'scratch', ephemeral: {} }] },
      world: { claims: [{ ...claim(), metadata: { name: 'p-scratch', namespace: 'default' } }] },
      want: 'PVC default/p-scratch was not created for pod default/p (pod is not owner)',
    },
    {
      what: 'waits for immediate claims',
      world: { claims: [claim()], classes: [{ ...late, volumeBindingMode: 'Immediate' }] },
      want: 'pod has unbound immediate PersistentVolumeClaims',
    },
    {
      what: 'waits for a claim without a class',
      world: { claims: [claim({ spec: { storageClassName: '' } })] },
      want: 'pod has unbound immediate PersistentVolumeClaims',
    },
    {
      what: 'waits for a claim whose bond is not finished',
      world: { claims: [claim({ spec: { volumeName: 'v1' } })], classes: [late] },
      want: 'pod has unbound immediate PersistentVolumeClaims',
    },
    {
      what: 'refuses a lost claim',
      world: { claims: [claim({ spec: { volumeName: 'v1' }, phase: 'Lost' })] },
      want: 'persistentvolumeclaim "data" bound to non-existent persistentvolume "v1"',
    },
    {
      what: 'refuses a claim on its way out',
      world: { claims: [{ ...bound, metadata: { ...bound.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }] },
      want: 'persistentvolumeclaim "data" is being deleted',
    },
    { what: 'passes where the bound volume is', world: { claims: [bound], volumes: [volume('v1', inZone('a'))] }, want: [] },
    { what: 'refuses where it is not', world: { claims: [bound], volumes: [volume('v1', inZone('b'))] }, want: [reasonNodeConflict] },
    { what: 'refuses when it is nowhere', world: { claims: [bound] }, want: [reasonVolumeMissing] },
    { what: 'has a volume made', world: { claims: [claim()], classes: [late] }, want: [], steps: ['provision'] },
    {
      what: 'has a volume made in allowed topologies',
      world: {
        claims: [claim()],
        classes: [{ ...late, allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['b'] }] }] }],
      },
      want: [reasonBindConflict],
    },
    {
      what: 'goes on where a node was selected before',
      world: { claims: [claim({ annotations: { [selectedNodeAnnotation]: 'n1' } })], classes: [late] },
      want: [],
      steps: ['provision'],
    },
    {
      what: 'refuses other nodes than the one selected before',
      world: { claims: [claim({ annotations: { [selectedNodeAnnotation]: 'n2' } })], classes: [late] },
      want: [reasonBindConflict],
    },
    {
      what: 'takes the smallest volume that is large enough',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('large', { capacity: { storage: '9Gi' } }), small, volume('fits')] },
      want: [],
      steps: ['bind fits'],
    },
    {
      what: 'does not take a volume of another zone',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('far', inZone('b'))] },
      want: [reasonBindConflict],
    },
    {
      what: 'does not take a volume of another claim',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('v', { claimRef: { namespace: 'default', name: 'other' } })] },
      want: [reasonBindConflict],
    },
    {
      what: 'takes a volume that is kept for the claim',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('v', { claimRef: { namespace: 'default', name: 'data' } })] },
      want: [],
      steps: ['bind v'],
    },
    {
      what: 'does not take a volume promised to another claim',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('v')], reserved: { v: 'default/other' } },
      want: [reasonBindConflict],
    },
    {
      what: 'does not take a volume that lacks a mode',
      world: { claims: [ofLocal], classes: [local], volumes: [volume('v', { accessModes: ['ReadOnlyMany'] })] },
      want: [reasonBindConflict],
    },
  ] as readonly { what: string; row?: PodRow; world: ViewRow; want: undefined | string | readonly string[]; steps?: readonly string[] }[]) {
    test(what, () => {
      const prepared = volumeBinding.prepare(podInfoOf(pod(row)), view(world));
      assert.deepEqual(prepared.say === 'nothing' ? undefined : prepared.say === 'nowhere' ? prepared.message : prepared.filter(on), want);
      const taken = volumeStepsFor(pod(row), on, view(world)).map((step) =>
        step.step === 'bind' ? `bind ${step.volume.metadata.name}` : step.step,
      );
      assert.deepEqual(taken, steps);
    });
  }
});

describe('mayHelp() of VolumeBinding', () => {
  const info = podInfoOf(pod(usesData));
  const ready: ViewRow = { nodes: [on], claims: [bound], volumes: [volume('v1', inZone('a'))] };
  for (const { what, claim: changed, world, want } of [
    { what: 'the bond of its claim', claim: 'default/data', world: ready, want: true },
    { what: 'not that of another claim', claim: 'default/other', world: ready, want: false },
    { what: 'not that of a claim of its name elsewhere', claim: 'other/data', world: ready, want: false },
    { what: 'not a change that leaves its claim unbound', claim: 'default/data', world: { nodes: [on], claims: [claim()] }, want: false },
    {
      what: 'not a bond to a volume that no node reaches',
      claim: 'default/data',
      world: { ...ready, volumes: [volume('v1', inZone('b'))] },
      want: false,
    },
  ] as readonly { what: string; claim: string; world: ViewRow; want: boolean }[]) {
    test(what, () => assert.equal(mayHelp(volumeBinding, info, { aspects: ['claim'], claim: changed }, view(world)), want));
  }
});
