import type { Binding, Pod } from '@coracle/api';
import {
  deepFreeze,
  formatTime,
  type Frozen,
  goQuote,
  isDns1123Subdomain,
  newBadRequest,
  newConflict,
  newStatusError,
  type ObjectMeta,
} from '@coracle/apimachinery';
import type { ApiObject, RequestContext, ResourceRegistry, Strategy, Subresource } from '../registry/definition.ts';
import type { ActionDefinition } from '../server/resources.ts';

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
    return { status: 201, object: bindingSuccess };
  },
};

const bindingSuccess = deepFreeze({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });

/** `bindings`: the same by the name that the Binding has (upstream LegacyBindingREST). */
export function bindings(pods: () => ResourceRegistry): ActionDefinition {
  return {
    group: '',
    version: 'v1',
    resource: 'bindings',
    kind: 'Binding',
    singular: 'binding',
    namespaced: true,
    async create(body, context) {
      const binding = body as unknown as Frozen<Binding>; // checked field by field
      await bindPod(pods(), context, binding.metadata?.name ?? '', binding);
      return bindingSuccess;
    },
  };
}

async function bindPod(registry: ResourceRegistry, context: RequestContext, name: string, binding: Frozen<Binding>): Promise<void> {
  const { target, metadata } = binding;
  if (metadata?.name !== undefined && metadata.name !== '' && metadata.name !== name)
    throw newBadRequest('name in URL does not match name in Binding object');
  const faults: string[] = [];
  if (target?.kind !== undefined && target.kind !== '' && target.kind !== 'Node')
    faults.push(`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`);
  const sentName = target?.name ?? '';
  if (sentName === '') faults.push('target.name: Required value');
  else for (const text of isDns1123Subdomain(sentName)) faults.push(`target.name: Invalid value: ${goQuote(sentName)}: ${text}`);
  if (faults[0] !== undefined) throw newStatusError(500, '', faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`);
  const node = sentName;
  await registry.update(
    context,
    name,
    (current) => {
      const pod = current as unknown as Frozen<Pod>; // the resource is pods
      const refuse = (why: string): Error => newConflict(resource, name, why);
      if (metadata?.uid !== undefined && metadata.uid !== '' && metadata.uid !== pod.metadata.uid) {
        const key = `/registry/pods/${context.namespace}/${name}`;
        const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid ?? ''}`;
        throw newConflict(
          { group: '', resource: 'pods' },
          name,
          `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
        );
      }
      if (pod.metadata.deletionTimestamp !== undefined) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
      if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '')
        throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
      if ((pod.spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
      return bound(pod, node, metadata ?? {}, context) as unknown as ApiObject; // the resource is pods
    },
    { strategy: bindingStrategy, isAdmitted: true },
  );
}

function bound(
  pod: Frozen<Pod>,
  nodeName: string,
  { annotations, labels }: Pick<Frozen<ObjectMeta>, 'annotations' | 'labels'>,
  context: RequestContext,
): object {
  const condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: formatTime(context.clock.now()) };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  const marks = {
    ...(annotations === undefined ? {} : { annotations: { ...pod.metadata.annotations, ...annotations } }),
    ...(labels === undefined ? {} : { labels: { ...pod.metadata.labels, ...labels } }),
  };
  return {
    ...pod,
    metadata: { ...pod.metadata, ...marks },
    spec: { ...pod.spec, nodeName },
    status: { ...pod.status, conditions: [...others, condition] },
  };
}
