import type {
  ClusterRoleBinding,
  FlowSchema,
  Lease,
  PodDisruptionBudget,
  PriorityClass,
  PriorityLevelConfiguration,
  RoleBinding,
  RuntimeClass,
  Subject,
} from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { createdAt, namedRow, rowOf, type RowContext } from './row.ts';

/** Rows of the groups that say who may do what, and what comes first: policy, rbac, scheduling, flowcontrol, coordination, node. */
export const policy: Readonly<Record<string, Cells>> = {
  'coordination.k8s.io/v1/leases': namedRow<Lease>(({ spec }) => [spec?.holderIdentity ?? '']),
  'flowcontrol.apiserver.k8s.io/v1/flowschemas': rowOf<FlowSchema>(({ metadata, spec, status }, { since }) => [
    metadata.name ?? '',
    spec?.priorityLevelConfiguration.name ?? '',
    spec?.matchingPrecedence ?? 0,
    spec?.distinguisherMethod?.type ?? '<none>',
    since(metadata.creationTimestamp),
    (status?.conditions ?? []).find(({ type }) => type === 'Dangling')?.status ?? '?',
  ]),
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations': namedRow<PriorityLevelConfiguration>(({ spec }) => {
    const queuing = spec?.limited?.limitResponse?.queuing;
    const shares = spec?.limited?.nominalConcurrencyShares ?? '<none>';
    return [spec?.type ?? '', shares, queuing?.queues ?? '<none>', queuing?.handSize ?? '<none>', queuing?.queueLengthLimit ?? '<none>'];
  }),
  'node.k8s.io/v1/runtimeclasses': namedRow<RuntimeClass>(({ handler }) => [handler]),
  'policy/v1/poddisruptionbudgets': namedRow<PodDisruptionBudget>(({ spec, status }) => [
    String(spec?.minAvailable ?? 'N/A'),
    String(spec?.maxUnavailable ?? 'N/A'),
    status?.disruptionsAllowed ?? 0,
  ]),
  'rbac.authorization.k8s.io/v1/clusterrolebindings': rowOf<ClusterRoleBinding>(bindingCells),
  'rbac.authorization.k8s.io/v1/clusterroles': createdAt,
  'rbac.authorization.k8s.io/v1/rolebindings': rowOf<RoleBinding>(bindingCells),
  'rbac.authorization.k8s.io/v1/roles': createdAt,
  'scheduling.k8s.io/v1/priorityclasses': rowOf<PriorityClass>(({ metadata, value, globalDefault, preemptionPolicy }, { since }) => [
    metadata.name ?? '',
    value,
    globalDefault ?? false,
    since(metadata.creationTimestamp),
    preemptionPolicy ?? '',
  ]),
};

function bindingCells({ metadata, roleRef, subjects }: RoleBinding | ClusterRoleBinding, { since }: RowContext): readonly unknown[] {
  const named = (kind: string, text: (subject: Frozen<Subject>) => string): string =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(text)
      .join(', ');
  return [
    metadata.name ?? '',
    `${roleRef.kind}/${roleRef.name}`,
    since(metadata.creationTimestamp),
    named('User', ({ name }) => name),
    named('Group', ({ name }) => name),
    named('ServiceAccount', ({ name, namespace = '' }) => `${namespace}/${name}`),
  ];
}
