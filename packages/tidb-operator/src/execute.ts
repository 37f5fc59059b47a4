import { isAlreadyExists, isNotFound, type KubeObject, type Unstructured } from '@coracle/apimachinery';
import { type Clientset, resources, type ResourceHandle } from '@coracle/client';
import type { PDClient } from './pd/pd-client.ts';
import type { Action, PatchTarget } from './plan/state.ts';

type AnyHandle = ResourceHandle<Unstructured>;

const patchTargets: Readonly<Record<PatchTarget, AnyHandle>> = {
  services: untyped(resources.core.v1.services),
  configmaps: untyped(resources.core.v1.configMaps),
  statefulsets: untyped(resources.apps.v1.statefulSets),
  deployments: untyped(resources.apps.v1.deployments),
  pods: untyped(resources.core.v1.pods),
  persistentvolumeclaims: untyped(resources.core.v1.persistentVolumeClaims),
  persistentvolumes: untyped(resources.core.v1.persistentVolumes),
};

const creatable: Readonly<Record<string, AnyHandle>> = {
  Service: patchTargets.services,
  ConfigMap: patchTargets.configmaps,
  StatefulSet: patchTargets.statefulsets,
  Deployment: patchTargets.deployments,
  ServiceAccount: untyped(resources.core.v1.serviceAccounts),
  Role: untyped(resources.rbac.v1.roles),
  RoleBinding: untyped(resources.rbac.v1.roleBindings),
};

export interface ActionContext {
  readonly clientset: Clientset;
  readonly pd: PDClient;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** Does one action. What a lagging cache made us ask twice (already there, already gone) is no error; a conflict is. */
export async function execute(action: Action, { clientset, pd, namespace, signal }: ActionContext): Promise<void> {
  switch (action.verb) {
    case 'create': {
      const handle = creatable[action.object.kind ?? ''];
      if (handle === undefined) throw new TypeError(`Cannot create a "${action.object.kind}": the operator makes none`);
      return await unless(isAlreadyExists, clientset.resource(handle, namespace).create(asUnstructured(action.object)));
    }
    case 'patch': {
      const handle = patchTargets[action.target];
      return await unless(
        isNotFound,
        clientset.resource(handle, handle.namespaced ? namespace : '').patch(action.name, 'merge', action.patch),
      );
    }
    case 'delete-claim':
      return await unless(
        isNotFound,
        clientset.resource(patchTargets.persistentvolumeclaims, namespace).delete(action.name, { preconditions: { uid: action.uid } }),
      );
    case 'pd':
      return await pd.call(action.request, signal);
  }
}

async function unless(expected: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!expected(error)) throw error;
  }
}

function untyped({ group, version, resource, kind, namespaced }: Omit<ResourceHandle, '__type'>): AnyHandle {
  return { group, version, resource, kind, namespaced };
}

function asUnstructured(object: KubeObject): Unstructured {
  return { ...object };
}
