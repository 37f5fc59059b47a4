import type { Binding, Pod } from '@coracle/api';
import { deepFreeze, formatTime, type Frozen, newConflict, newStatusError } from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceRegistry, Strategy, Subresource } from '../registry/definition.ts';

const resource = { group: '', resource: 'pods/binding' };

/** A binding may set spec.nodeName, which updates of the pod itself may not. */
const bindingStrategy: Strategy = { allowUnconditionalUpdate: true, validateUpdate: () => [] };

/** `pods/NAME/binding`: gives a pod its node, once (upstream registry/core/pod/storage BindingREST). */
export const podBinding: Subresource = {
  name: 'binding',
  response: { group: '', version: 'v1', kind: 'Binding' },
  verbs: ['create'],
  async handler({ name, context, body, registry }) {
    await bindPod(registry, context, name, body as Frozen<Binding>);
    return { status: 201, object: deepFreeze({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }) };
  },
};

async function bindPod(registry: ResourceRegistry, context: RequestContext, name: string, binding: Frozen<Binding>): Promise<void> {
  const { target, metadata } = binding;
  const faults: string[] = [];
  if (target?.kind !== undefined && target.kind !== '' && target.kind !== 'Node') faults.push(`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`);
  if (target?.name === undefined || target.name === '') faults.push('target.name: Required value');
  if (faults[0] !== undefined) throw newStatusError(500, '', faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`);
  const node = target.name ?? '';
  await registry.update(
    context,
    name,
    (current) => {
      const pod = current as unknown as Frozen<Pod>; // the resource is pods
      const refuse = (why: string): Error => newConflict(resource, name, why);
      if (metadata?.uid !== undefined && metadata.uid !== '' && metadata.uid !== pod.metadata.uid) {
        throw newConflict({ group: '', resource: 'pods' }, name, `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid ?? ''}`);
      }
      if (pod.metadata.deletionTimestamp !== undefined) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
      if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
      if ((pod.spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
      return bound(pod, node, metadata?.annotations ?? {}, context) as unknown as ApiObject; // the resource is pods
    },
    { strategy: bindingStrategy },
  );
}

function bound(pod: Frozen<Pod>, nodeName: string, annotations: Readonly<Record<string, string>>, context: RequestContext): object {
  const condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: formatTime(context.clock.now()) };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  const merged = { ...pod.metadata.annotations, ...annotations };
  return {
    ...pod,
    metadata: { ...pod.metadata, ...(Object.keys(merged).length === 0 ? {} : { annotations: merged }) },
    spec: { ...pod.spec, nodeName },
    status: { ...pod.status, conditions: [...others, condition] },
  };
}
