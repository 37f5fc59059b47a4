import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolumeClaim } from '@coracle/api';
import { podInfoOf } from '../cache/pod-info.ts';
import { node, nodeInfo, pod, type PodRow, view } from '../fixtures/objects.ts';
import { mayHelp } from '../framework.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

const claimOf = (accessMode: string): PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'default' },
  spec: { accessModes: [accessMode] },
});
const uses = (claimName: string): PodRow => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] });
const refusal = 'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';

describe('VolumeRestrictions', () => {
  for (const { what, row = uses('data'), mode = 'ReadWriteOncePod', running = {}, want } of [
    { what: 'a claim for one pod that another one uses', running: uses('data'), want: refusal },
    { what: 'a claim for one pod that nobody uses', want: undefined },
    { what: 'a claim that is shared', mode: 'ReadWriteOnce', running: uses('data'), want: undefined },
    { what: 'a claim of that name elsewhere', running: { ...uses('data'), namespace: 'other' }, want: undefined },
    { what: 'a pod without claims', row: {}, running: uses('data'), want: undefined },
    { what: 'a claim that is not there', row: uses('lost'), want: 'persistentvolumeclaim "lost" not found' },
  ] as readonly { what: string; row?: PodRow; mode?: string; running?: PodRow; want: string | undefined }[]) {
    test(`${want === undefined ? 'passes' : 'refuses'} ${what}`, () => {
      const nodes = [nodeInfo(node()), nodeInfo(node({ name: 'n2' }), [pod({ name: 'q', ...running })])];
      const prepared = volumeRestrictions.prepare(podInfoOf(pod(row)), view({ nodes, claims: [claimOf(mode)] }));
      const reasons = prepared.say === 'nodes' ? nodes.map(prepared.filter) : undefined;
      if (want === refusal) assert.deepEqual(reasons, [[refusal], [refusal]], 'on every node');
      else assert.equal(prepared.say === 'nowhere' ? prepared.message : reasons, want);
    });
  }

  test('the end of the pod that had the claim may help', () => {
    const free = nodeInfo(node());
    const waiting = podInfoOf(pod(uses('data')));
    const event = { aspects: ['pod/removed'], node: free } as const;
    const claims = [claimOf('ReadWriteOncePod')];
    assert.ok(mayHelp(volumeRestrictions, waiting, event, view({ nodes: [free], claims })));
    const taken = nodeInfo(node({ name: 'n2' }), [pod({ name: 'q', ...uses('data') })]);
    assert.ok(!mayHelp(volumeRestrictions, waiting, event, view({ nodes: [free, taken], claims })), 'not while another one has it');
  });
});
