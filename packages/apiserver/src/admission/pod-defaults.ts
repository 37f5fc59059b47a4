import type { PersistentVolumeClaim, Pod, PriorityClass, StorageClass } from '@coracle/api';
import { type Frozen, newForbidden } from '@coracle/apimachinery';
import type { ApiObject } from '../registry/definition.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

/** A pod stays so long on a node that is not ready or not reachable (--default-not-ready-toleration-seconds). */
const tolerationSeconds = 300;
const defaultClass = 'storageclass.kubernetes.io/is-default-class';

function podOf({ operation, definition, object, subresource }: AdmissionRequest): Frozen<Pod> | undefined {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  if (definition.resource !== 'pods' || definition.group !== '' || subresource !== '') return undefined;
  return object as unknown as Frozen<Pod> | undefined; // the definition says of which kind the object is
}

/** Every pod tolerates for a while that its node is away (upstream plugin/pkg/admission/defaulttolerationseconds). */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(request) {
    const pod = podOf(request);
    if (pod === undefined) return undefined;
    const present = pod.spec.tolerations ?? [];
    const covers = (key: string): boolean =>
      present.some((one) => (one.key === key || (one.key ?? '') === '') && (one.effect === 'NoExecute' || (one.effect ?? '') === ''));
    const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
      .filter((key) => !covers(key))
      .map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }));
    if (added.length === 0) return undefined;
    return { ...request.object, spec: { ...pod.spec, tolerations: [...present, ...added] } } as unknown as ApiObject; // still the pod
  },
};

/** The number behind a pod's priority class (upstream plugin/pkg/admission/priority). */
export const priority: AdmissionPlugin = {
  name: 'Priority',
  admit(request) {
    const pod = podOf(request);
    if (pod === undefined) return undefined;
    return request.operation === 'UPDATE' ? withFormerPriority(pod, request) : withPriority(pod, request);
  },
};

async function withPriority(pod: Frozen<Pod>, request: AdmissionRequest): Promise<ApiObject> {
  const { definition, name } = request;
  const chosen = await classOf(request, pod.spec.priorityClassName ?? '');
  if (chosen === undefined && (pod.spec.priorityClassName ?? '') !== '')
    throw newForbidden(definition, name, `no PriorityClass with name ${pod.spec.priorityClassName ?? ''} was found`);
  const value = chosen?.value ?? 0;
  if (pod.spec.priority !== undefined && pod.spec.priority !== value) {
    throw newForbidden(
      definition,
      name,
      `the integer value of priority (${pod.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  const preemptionPolicy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (pod.spec.preemptionPolicy !== undefined && pod.spec.preemptionPolicy !== preemptionPolicy) {
    throw newForbidden(
      definition,
      name,
      `the string value of PreemptionPolicy (${pod.spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  const className = chosen === undefined ? {} : { priorityClassName: chosen.metadata.name };
  return { ...request.object, spec: { ...pod.spec, ...className, priority: value, preemptionPolicy } } as unknown as ApiObject; // still the pod
}

/** What the plug-in wrote at the creation stays, where an update leaves it out. */
function withFormerPriority(pod: Frozen<Pod>, { object, old }: AdmissionRequest): ApiObject | undefined {
  const { priority: number, preemptionPolicy } = (old as unknown as Frozen<Pod>).spec; // the definition says of which kind the object is
  const kept = {
    ...(pod.spec.priority === undefined && number !== undefined ? { priority: number } : {}),
    ...(pod.spec.preemptionPolicy === undefined && preemptionPolicy !== undefined ? { preemptionPolicy } : {}),
  };
  if (Object.keys(kept).length === 0) return undefined;
  return { ...object, spec: { ...pod.spec, ...kept } } as unknown as ApiObject; // still the pod
}

async function classOf({ context }: AdmissionRequest, name: string): Promise<Frozen<PriorityClass> | undefined> {
  if (name !== '')
    return (await context.storage.get(`/registry/priorityclasses/${name}`)).stored?.object as unknown as Frozen<PriorityClass> | undefined; // the definition says of which kind the object is
  const { items } = await context.storage.list('/registry/priorityclasses/');
  const defaults = items
    .map(({ object }) => object as unknown as Frozen<PriorityClass>) // what is stored under the prefix is of this kind
    .filter(({ globalDefault }) => globalDefault === true);
  return defaults.sort((a, b) => a.value - b.value)[0];
}

/** A claim without a class gets the default one (upstream plugin/pkg/admission/storage/storageclass/setdefault). */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  admit(request) {
    const { operation, definition, object, subresource } = request;
    if (operation !== 'CREATE' || definition.resource !== 'persistentvolumeclaims' || subresource !== '' || object === undefined)
      return undefined;
    const claim = object as unknown as Frozen<PersistentVolumeClaim>; // the definition says of which kind the object is
    if (claim.spec.storageClassName !== undefined || claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] !== undefined)
      return undefined;
    return withDefaultClass(claim, request);
  },
};

async function withDefaultClass(
  claim: Frozen<PersistentVolumeClaim>,
  { object, context }: AdmissionRequest,
): Promise<ApiObject | undefined> {
  const { items } = await context.storage.list('/registry/storageclasses/');
  const classes = items
    .map((item) => item.object as unknown as Frozen<StorageClass>) // what is stored under the prefix is of this kind
    .filter(({ metadata }) => metadata.annotations?.[defaultClass] === 'true');
  // Of several, the youngest; among those of one second the first by name.
  const chosen = classes.sort(
    (a, b) => compareText(b.metadata.creationTimestamp, a.metadata.creationTimestamp) || compareText(a.metadata.name, b.metadata.name),
  )[0];
  if (chosen?.metadata.name === undefined) return undefined;
  return { ...object, spec: { ...claim.spec, storageClassName: chosen.metadata.name } } as unknown as ApiObject; // still the claim
}

function compareText(a = '', b = ''): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
