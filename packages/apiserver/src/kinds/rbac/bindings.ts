import type { ClusterRoleBinding, RoleBinding, Subject } from '@coracle/api';
import { inEach, inField } from '../defaulted.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

/** Users, groups and roles are of RBAC's own group; service accounts of the core group, which is written as none. */
export function defaultBinding<B extends RoleBinding | ClusterRoleBinding>(binding: B): B {
  const ref = binding.roleRef.apiGroup === '' ? { ...binding, roleRef: { ...binding.roleRef, apiGroup: rbacGroup } } : binding;
  return inField(ref, 'subjects', (subjects) => inEach(subjects, defaultSubject) as B['subjects']);
}

function defaultSubject(subject: Subject): Subject {
  const isRbac = subject.kind === 'User' || subject.kind === 'Group';
  return isRbac && (subject.apiGroup ?? '') === '' ? { ...subject, apiGroup: rbacGroup } : subject;
}
