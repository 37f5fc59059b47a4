import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isBadRequest, joinedHeaders } from '@coracle/apimachinery';
import type { UserInfo } from '../authentication/user.ts';
import { type Impersonation, impersonationOf } from './impersonation.ts';

type Sent = Readonly<Record<string, string | readonly string[]>>;

/** What the server reads when each of `sent` is one header line, or as many as there are values. */
function impersonationBy(sent: Sent): Impersonation | undefined {
  const headers: Record<string, string> = {};
  const repeatedHeaders: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(sent)) {
    if (typeof value === 'string') headers[name] = value;
    else repeatedHeaders[name] = value;
  }
  return impersonationOf({ headers: joinedHeaders({ headers, repeatedHeaders }), repeatedHeaders });
}

// What the real server answered to SelfSubjectReviews with these headers.
const users: readonly (readonly [sent: Sent, user: UserInfo])[] = [
  [{ 'impersonate-group': ['a, b', 'c'] }, { name: 'jane', groups: ['a, b', 'c', 'system:authenticated'] }],
  [{ 'impersonate-group': 'a, b' }, { name: 'jane', groups: ['a, b', 'system:authenticated'] }],
  [{ 'impersonate-group': '' }, { name: 'jane', groups: ['', 'system:authenticated'] }],
  [{ 'impersonate-group': ['', 'x'] }, { name: 'jane', groups: ['', 'x', 'system:authenticated'] }],
  [{ 'impersonate-group': 'system:unauthenticated' }, { name: 'jane', groups: ['system:unauthenticated'] }],
  [{ 'impersonate-user': ['jane', 'joe'] }, { name: 'jane', groups: ['system:authenticated'] }],
  [{ 'impersonate-uid': ['1', '2'] }, { name: 'jane', uid: '1', groups: ['system:authenticated'] }],
  [{ 'impersonate-uid': '' }, { name: 'jane', groups: ['system:authenticated'] }],
  [
    { 'impersonate-extra-team': ['a, b', 'c'], 'impersonate-extra-te%61m': ['d', 'e'] },
    { name: 'jane', groups: ['system:authenticated'], extra: { team: ['a, b', 'c', 'd', 'e'] } },
  ],
  [
    { 'impersonate-extra-acme.com%2fpro': 'a', 'impersonate-extra-bad%zz': 'c', 'impersonate-extra-te': '', 'impersonate-extra-': 'c' },
    { name: 'jane', groups: ['system:authenticated'], extra: { 'acme.com/pro': ['a'], 'bad%zz': ['c'], te: [''], '': ['c'] } },
  ],
  [{ 'impersonate-user': 'system:anonymous' }, { name: 'system:anonymous', groups: ['system:unauthenticated'] }],
  [
    { 'impersonate-user': 'system:anonymous', 'impersonate-group': 'system:authenticated' },
    { name: 'system:anonymous', groups: ['system:authenticated', 'system:unauthenticated'] },
  ],
  [
    { 'impersonate-user': 'system:serviceaccount:a:b' },
    { name: 'system:serviceaccount:a:b', groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'] },
  ],
  [
    { 'impersonate-user': 'system:serviceaccount:a:b', 'impersonate-group': 'g' },
    { name: 'system:serviceaccount:a:b', groups: ['g', 'system:authenticated'] },
  ],
  [{ 'impersonate-user': 'system:serviceaccount:a:' }, { name: 'system:serviceaccount:a:', groups: ['system:authenticated'] }],
];

const refusals: readonly (readonly [sent: Sent, user: string])[] = [
  [{ 'impersonate-group': '' }, 'Name:"", UID:"", Groups:[]string{""}, Extra:map[string][]string(nil)'],
  [
    { 'impersonate-group': ['g', 'h'], 'impersonate-uid': '1', 'impersonate-extra-a': 'b' },
    'Name:"", UID:"1", Groups:[]string{"g", "h"}, Extra:map[string][]string{"a":[]string{"b"}}',
  ],
  [
    { 'impersonate-user': '', 'impersonate-uid': '1', 'impersonate-extra-b': 'x', 'impersonate-extra-a': '"q' },
    'Name:"", UID:"1", Groups:[]string(nil), Extra:map[string][]string{"a":[]string{"\\"q"}, "b":[]string{"x"}}',
  ],
];

describe('impersonationOf()', () => {
  for (const [sent, user] of users) {
    test(`takes ${JSON.stringify(sent)} for ${user.name}`, () =>
      assert.deepEqual(impersonationBy({ 'impersonate-user': 'jane', ...sent })?.user, user));
  }

  for (const [sent, user] of refusals) {
    test(`refuses ${JSON.stringify(sent)}`, () =>
      assert.throws(
        () => impersonationBy(sent),
        (error) => {
          assert.ok(isBadRequest(error));
          assert.equal((error as Error).message, `requested &user.DefaultInfo{${user}} without impersonating a user name`);
          return true;
        },
      ));
  }

  test('needs nothing of who asks for nothing', () => {
    assert.equal(impersonationBy({}), undefined);
    assert.equal(impersonationBy({ 'impersonate-user': '' }), undefined);
  });

  test('needs a permission for each group and value of its own', () => {
    const sent = {
      'impersonate-user': 'jane',
      'impersonate-uid': '5',
      'impersonate-group': ['a, b', 'c'],
      'impersonate-extra-te': ['x, y', 'z'],
    };
    const needs = impersonationBy(sent)?.needs.map(({ apiGroup, resource, subresource, name }) => [apiGroup, resource, subresource, name]);
    assert.deepEqual(needs, [
      ['', 'users', '', 'jane'],
      ['', 'groups', '', 'a, b'],
      ['', 'groups', '', 'c'],
      ['authentication.k8s.io', 'uids', '', '5'],
      ['authentication.k8s.io', 'userextras', 'te', 'x, y'],
      ['authentication.k8s.io', 'userextras', 'te', 'z'],
    ]);
  });

  test('needs a permission in the namespace of a service account', () => {
    const [need] = impersonationBy({ 'impersonate-user': 'system:serviceaccount:a:b' })?.needs ?? [];
    assert.deepEqual(need, { apiGroup: '', resource: 'serviceaccounts', subresource: '', namespace: 'a', name: 'b' });
  });
});
