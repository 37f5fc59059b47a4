import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attributes, type Authorizer, type Decision, unionAuthorizer } from './authorizer.ts';

const attributes: Attributes = { user: { name: 'jane', groups: [] }, verb: 'get', resourceRequest: false, path: '/' };

function saying(decision: Decision['decision'], reason: string, when: 'at once' | 'later'): Authorizer {
  const answer: Decision = { decision, reason };
  return { authorize: () => (when === 'later' ? Promise.resolve(answer) : answer), rulesFor: () => ({ rules: [], gap: '' }) };
}

for (const { name, authorizers, want } of [
  { name: 'none', authorizers: [], want: { decision: 'noOpinion', reason: '' } },
  {
    name: 'the first that has an opinion, though it takes its time',
    authorizers: [saying('noOpinion', 'a', 'at once'), saying('deny', 'b', 'later'), saying('allow', 'c', 'at once')],
    want: { decision: 'deny', reason: 'b' },
  },
  {
    name: 'one behind another that took its time',
    authorizers: [saying('noOpinion', 'a', 'later'), saying('allow', 'b', 'at once')],
    want: { decision: 'allow', reason: 'b' },
  },
  {
    name: 'nobody, with the reasons of all in order',
    authorizers: [saying('noOpinion', 'a', 'at once'), saying('noOpinion', '', 'later'), saying('noOpinion', 'c', 'later')],
    want: { decision: 'noOpinion', reason: 'a, c' },
  },
]) {
  test(`unionAuthorizer() decides as ${name}`, async () => {
    assert.deepEqual(await unionAuthorizer(authorizers).authorize(attributes), want);
  });
}

test('unionAuthorizer() answers at once where nobody takes his time', () => {
  const answer = unionAuthorizer([saying('noOpinion', '', 'at once'), saying('allow', 'b', 'at once')]).authorize(attributes);
  assert.deepEqual(answer, { decision: 'allow', reason: 'b' });
});
