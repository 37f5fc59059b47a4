import type { Pod, PodDisruptionBudget } from '@coracle/api';
import { deepFreeze, formatTime, type Frozen, labelMatcher, newBadRequest, newStatusError } from '@coracle/apimachinery';
import type { ApiObject, RequestContext, Strategy, Subresource } from '../registry/definition.ts';
import type { DeleteOptions } from '../registry/deletion.ts';

interface Eviction {
  readonly metadata?: { readonly name?: string };
  readonly deleteOptions?: DeleteOptions & { readonly dryRun?: readonly string[] };
}

const cause = 'DisruptionBudget';

/** `pods/NAME/eviction`: a delete that respects disruption budgets (upstream registry/core/pod/storage eviction.go). */
export const podEviction: Subresource = {
  name: 'eviction',
  response: { group: 'policy', version: 'v1', kind: 'Eviction' },
  verbs: ['create'],
  async handler({ name, context, body, registry }) {
    const eviction = (body ?? {}) as Eviction;
    if (eviction.metadata?.name !== undefined && eviction.metadata.name !== name)
      throw newBadRequest('name in URL does not match name in Eviction object');
    const pod = (await registry.get(context, name)) as unknown as Frozen<Pod>; // what is stored under the prefix is of this kind
    const dryRun = context.dryRun || (eviction.deleteOptions?.dryRun ?? []).includes('All');
    if (!mayAlwaysGo(pod)) await spendBudget({ ...context, dryRun }, pod);
    if (pod.metadata.deletionTimestamp === undefined)
      await registry.update({ ...context, dryRun }, name, (current) => disrupted(current, formatTime(context.clock.now())), {
        strategy: ownStrategy,
        isAdmitted: true,
      });
    await registry.delete({ ...context, dryRun }, name, eviction.deleteOptions ?? {});
    return { status: 201, object: deepFreeze({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }) };
  },
};

const ownStrategy: Strategy = { allowUnconditionalUpdate: true, validateUpdate: () => [] };

/** Says why the pod is about to go. */
function disrupted(current: ApiObject, lastTransitionTime: string): ApiObject {
  const { status } = current as unknown as Frozen<Pod>; // the resource is pods
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const others = (status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  return { ...current, status: { ...status, conditions: [...others, condition] } } as ApiObject; // still the pod
}

/** Pods that do not serve anything need no budget. */
function mayAlwaysGo({ metadata, status }: Frozen<Pod>): boolean {
  return (
    metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Pending'
  );
}

async function spendBudget(context: RequestContext, pod: Frozen<Pod>): Promise<void> {
  const { items } = await context.storage.list(`/registry/poddisruptionbudgets/${context.namespace}/`);
  const budgets = items.filter(({ object }) => {
    const { selector } = (object as unknown as Frozen<PodDisruptionBudget>).spec; // what is stored under the prefix is of this kind
    return selector !== undefined && labelMatcher(selector).matches(pod.metadata.labels);
  });
  if (budgets.length > 1)
    throw newStatusError(500, '', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  const budget = budgets[0]?.object as unknown as Frozen<PodDisruptionBudget> | undefined; // what is stored under the prefix is of this kind
  if (budget === undefined) return;
  const { disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0 } = budget.status ?? {};
  if (disruptionsAllowed > 0) return;
  const message = `The disruption budget ${budget.metadata.name ?? ''} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  throw newStatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: cause, message }],
  });
}
