import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { playTrace } from './fixtures/trace-player.ts';
import { readRecording } from './fixtures/trace-recording.ts';

// What the real controllers did, and what ours do in the same scenarios: objects after each step, answers, events.

const folder = path.join(import.meta.dirname, '../../../../shared/data/kubernetes-1.37/traces');
const areas = ['deployment', 'replicaset', 'statefulset', 'gc', 'namespace', 'serviceaccount', 'volume', 'endpoints', 'clusterrole'];

const noQuota = 'quotas are neither admitted nor counted';
const noProtection = 'volume protection is not built: claims and volumes in use go at once';
const equalPods = 'of equal pods another one goes';

/** Scenarios with another outcome, and why. One that comes out right does not belong here: the test says so. */
const different: Readonly<Record<string, string>> = {
  'deployment/proportional-scaling': equalPods,
  'deployment/quota-replica-failure': noQuota,
  'replicaset/failed-pods': equalPods,
  'replicaset/release': equalPods,
  'replicaset/slow-start': noQuota,
  'replicaset/slow-start-partial': noQuota,
  'serviceaccount/token-secret': 'nobody fills Secrets with tokens',
  'statefulset/pvc-retain': 'a claim is looked at when its pod is there already, so that its event names the pod',
  'volume/claim-first': 'a claim is bound when its volume comes, not at the next resync',
  'volume/generic-ephemeral': 'nobody makes claims of ephemeral volumes',
  'volume/lost-claim': noProtection,
  'volume/pv-protection': noProtection,
  'volume/pvc-protection': noProtection,
};

describe('recorded traces of the controllers', { skip: existsSync(folder) ? false : 'no ../shared/data beside the repository' }, () => {
  let passed = 0;
  let total = 0;

  for (const area of existsSync(folder) ? areas : []) {
    for (const file of readdirSync(path.join(folder, area)).sort()) {
      const name = `${area}/${path.basename(file, '.json')}`;
      const why = different[name];
      test(why === undefined ? name : `${name} differs: ${why}`, async () => {
        total++;
        const found = await playTrace(readRecording(path.join(folder, area, file)));
        if (why === undefined) assert.deepEqual(found, []);
        else assert.notDeepEqual(found, [], 'does not differ any more');
        if (found.length === 0) passed++;
      });
    }
  }

  test('are all but those that are known to differ', (t) => {
    t.diagnostic(`${passed} of ${total} traces`);
    assert.equal(passed, total - Object.keys(different).length);
  });
});
