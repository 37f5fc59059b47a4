import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '@coracle/api';
import { establish, isEstablished, terminating } from './establish.ts';

const now = Date.UTC(2026, 0, 1);

function crdOf(names: CustomResourceDefinition['spec']['names'], group = 'example.com'): CustomResourceDefinition {
  const { kind, plural } = names;
  return {
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope: 'Namespaced', names: { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names }, versions: [] },
    status: { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: ['v1'] },
  };
}

const bowls = crdOf({ plural: 'bowls', kind: 'Bowl', shortNames: ['bo'], categories: ['kitchen'] });

test('establish() accepts names that nobody has', () => {
  const status = establish(bowls, [], now);
  assert.deepEqual(status, {
    conditions: [
      {
        type: 'NamesAccepted',
        status: 'True',
        reason: 'NoConflicts',
        message: 'no conflicts found',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
      {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
    acceptedNames: bowls.spec.names,
    storedVersions: ['v1'],
  });
  assert.ok(isEstablished({ ...bowls, status }));
});

test('establish() returns the same status when nothing changes', () => {
  const status = establish(bowls, [], now);
  assert.equal(establish({ ...bowls, status }, [bowls], now + 5_000), status);
});

const conflicts = [
  {
    names: { plural: 'pots', kind: 'Pot', shortNames: ['bo'] },
    reason: 'ShortNamesConflict',
    message: '"bo" is already in use',
    accepted: { plural: 'pots', singular: 'pot', kind: 'Pot', listKind: 'PotList' },
  },
  {
    names: { plural: 'pots', kind: 'Pot', shortNames: ['bo', 'bowls'] },
    reason: 'ShortNamesConflict',
    message: '["bo" is already in use, "bowls" is already in use]',
    accepted: { plural: 'pots', singular: 'pot', kind: 'Pot', listKind: 'PotList' },
  },
  {
    names: { plural: 'jars', kind: 'Bowl' },
    reason: 'ListKindConflict',
    message: '"BowlList" is already in use',
    accepted: { plural: 'jars', kind: '' },
  },
];

for (const { names, reason, message, accepted } of conflicts) {
  test(`establish() finds ${message}`, () => {
    const status = establish(crdOf(names), [{ ...bowls, status: establish(bowls, [], now) }], now);
    const [named, established] = status.conditions;
    assert.deepEqual([named?.status, named?.reason, named?.message], ['False', reason, message]);
    assert.deepEqual([established?.status, established?.reason], ['False', 'NotAccepted']);
    assert.deepEqual(status.acceptedNames, accepted);
  });
}

test('establish() looks at names of the same group only', () => {
  assert.ok(
    isEstablished({
      ...bowls,
      status: establish(bowls, [{ ...crdOf(bowls.spec.names, 'other.com'), status: establish(bowls, [], now) }], now),
    }),
  );
});

test('establish() accepts names once they are free, and keeps what is established', () => {
  const other = { ...bowls, status: establish(bowls, [], now) };
  const pots = crdOf({ plural: 'pots', kind: 'Pot', shortNames: ['bo'] });
  const waiting = { ...pots, status: establish(pots, [other], now) };
  const accepted = { ...pots, status: establish(waiting, [], now + 60_000) };
  assert.deepEqual(
    accepted.status.conditions.map(({ status, lastTransitionTime }) => [status, lastTransitionTime]),
    [
      ['True', '2026-01-01T00:01:00Z'],
      ['True', '2026-01-01T00:01:00Z'],
    ],
  );
  const renamed = { ...accepted, spec: { ...accepted.spec, names: { ...accepted.spec.names, shortNames: ['bowls'] } } };
  const status = establish(renamed, [other], now);
  assert.deepEqual(
    status.conditions.map(({ status: value }) => value),
    ['False', 'True'],
  );
  assert.deepEqual(status.acceptedNames.shortNames, ['bo']);
});

test('establish() remembers a new storage version', () => {
  const version = { name: 'v2', served: true, storage: true };
  assert.deepEqual(establish({ ...bowls, spec: { ...bowls.spec, versions: [version] } }, [], now).storedVersions, ['v1', 'v2']);
});

test('terminating() says that the objects go first', () => {
  const [condition] = terminating(bowls, now).conditions;
  assert.deepEqual([condition?.type, condition?.status, condition?.reason], ['Terminating', 'True', 'InstanceDeletionPending']);
});
