import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CustomResourceDefinition, Deployment, Ingress, Job, Pod, Service } from '@coracle/api';
import {
  isCrdEstablished,
  isCreated,
  isDeleted,
  isDeploymentCompleted,
  isIngressProvisioned,
  isJobCompleted,
  isPodRunning,
  isServiceLoadBalancerProvisioned,
} from './conditions.ts';

const metadata = { name: 'a' };
/** Conditions read no more of an object than what stands here. */
const of = <T>(object: object): T => ({ metadata, ...object }) as T;
const condition = (type: string, status: 'True' | 'False', reason = 'Why'): object => ({ type, status, reason, lastTransitionTime: '' });

describe('what an object may be waited to be', () => {
  test('isCreated, isDeleted: by uid', () => {
    assert.deepEqual([undefined, { metadata }].map(isCreated), [false, true]);
    const gone = isDeleted('u1');
    assert.deepEqual([gone(undefined), gone({ metadata: { uid: 'u2' } }), gone({ metadata: { uid: 'u1' } })], [true, true, false]);
  });

  test('isCrdEstablished: the condition Established', () => {
    const crd = (...conditions: readonly object[]): boolean => isCrdEstablished(of<CustomResourceDefinition>({ status: { conditions } }));
    assert.ok(crd(condition('NamesAccepted', 'True'), condition('Established', 'True')));
    assert.ok(!crd(condition('NamesAccepted', 'True'), condition('Established', 'False')));
    assert.ok(!crd(condition('NamesAccepted', 'True')));
    assert.ok(!isCrdEstablished(undefined));
  });

  test('isPodRunning: the phase', () => {
    assert.ok(isPodRunning(of<Pod>({ status: { phase: 'Running' } })));
    assert.ok(!isPodRunning(of<Pod>({ status: { phase: 'Pending' } })));
    assert.ok(!isPodRunning(of<Pod>({})));
    assert.ok(!isPodRunning(undefined));
  });

  test('isJobCompleted: the condition Complete', () => {
    const job = (...conditions: readonly object[]): boolean => isJobCompleted(of<Job>({ status: { conditions } }));
    assert.ok(job(condition('SuccessCriteriaMet', 'True'), condition('Complete', 'True')));
    assert.ok(!job(condition('Complete', 'False')));
    assert.ok(!job(condition('Failed', 'True')));
    assert.ok(!job());
    assert.ok(!isJobCompleted(undefined));
  });

  test('isDeploymentCompleted: the new replica set is available, and of the newest spec', () => {
    const deployment = (reason: string, status: 'True' | 'False', [generation, observedGeneration] = [2, 2]): boolean =>
      isDeploymentCompleted(
        of<Deployment>({
          metadata: { ...metadata, generation },
          status: { observedGeneration, conditions: [condition('Available', 'True'), condition('Progressing', status, reason)] },
        }),
      );
    assert.ok(deployment('NewReplicaSetAvailable', 'True'));
    assert.ok(!deployment('NewReplicaSetAvailable', 'True', [3, 2]));
    assert.ok(!deployment('ReplicaSetUpdated', 'True'));
    assert.ok(!deployment('NewReplicaSetAvailable', 'False'));
    assert.ok(!isDeploymentCompleted(undefined));
  });

  test('isServiceLoadBalancerProvisioned: each address is an IP or a name, where one is wanted', () => {
    const service = (type: string, ingress?: readonly object[]): boolean =>
      isServiceLoadBalancerProvisioned(of<Service>({ spec: { type }, status: { loadBalancer: { ...(ingress && { ingress }) } } }));
    assert.ok(service('LoadBalancer', [{ ip: '192.0.2.1' }]));
    assert.ok(service('LoadBalancer', [{ hostname: 'a.example.com' }, { ip: '192.0.2.1' }]));
    assert.ok(!service('LoadBalancer', [{ ip: '192.0.2.1' }, {}]));
    assert.ok(!service('LoadBalancer', []));
    assert.ok(!service('LoadBalancer'));
    assert.ok(service('ClusterIP'));
    assert.ok(!isServiceLoadBalancerProvisioned(undefined));
  });

  test('isIngressProvisioned: each address is an IP or a name', () => {
    const ingress = (addresses?: readonly object[]): boolean =>
      isIngressProvisioned(of<Ingress>({ status: { loadBalancer: { ...(addresses && { ingress: addresses }) } } }));
    assert.ok(ingress([{ ip: '192.0.2.1' }]));
    assert.ok(ingress([{ hostname: 'a.example.com' }]));
    assert.ok(!ingress([{}]));
    assert.ok(!ingress());
    assert.ok(!isIngressProvisioned(undefined));
  });
});
