import type { Pod, ServiceAccount } from '@coracle/api';
import { type Frozen, newForbidden } from '@coracle/apimachinery';
import { mirrorAnnotation, secretsOf } from '../authorization/pod-references.ts';
import type { ApiObject } from '../registry/definition.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Seconds; a little more than an hour, so that "one hour" never falls short (upstream serviceaccount/admission.go). */
const tokenSeconds = 3_607;

type Spec = Frozen<Pod['spec']>;

/** Gives a pod its service account, and its containers a token of it (upstream plugin/pkg/admission/serviceaccount). */
export const serviceAccountAdmission: AdmissionPlugin = {
  name: 'ServiceAccount',
  admit(request) {
    const { operation, definition, object, subresource } = request;
    if (operation !== 'CREATE' || definition.resource !== 'pods' || definition.group !== '' || subresource !== '' || object === undefined)
      return undefined;
    const pod = object as unknown as Frozen<Pod>; // the definition says of which kind the object is
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
      const fault = mirrorFault(pod);
      if (fault !== undefined) throw newForbidden(definition, request.name, `a mirror pod may not ${fault}`);
      return undefined;
    }
    return withAccount(pod, request);
  },
};

async function withAccount(pod: Frozen<Pod>, request: AdmissionRequest): Promise<ApiObject> {
  const name = pod.spec.serviceAccountName ?? '';
  const accountName = name === '' ? 'default' : name;
  const account = await accountOf(request, accountName);
  const named: Spec = { ...pod.spec, serviceAccountName: accountName, serviceAccount: accountName };
  const mounts = named.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
  const withToken = mounts ? mountToken(named, request) : named;
  const secrets = (withToken.imagePullSecrets ?? []).length === 0 ? (account.imagePullSecrets ?? []) : (withToken.imagePullSecrets ?? []);
  const spec = secrets.length === 0 ? withToken : { ...withToken, imagePullSecrets: secrets };
  return { ...request.object, spec } as unknown as ApiObject; // still the pod
}

/** A pod that mirrors a file of its node has no account, and so neither token nor secrets. */
function mirrorFault(pod: Frozen<Pod>): string | undefined {
  if ((pod.spec.serviceAccountName ?? '') !== '') return 'reference service accounts';
  if (secretsOf(pod).length > 0) return 'reference secrets';
  const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined) ? 'use service account token projections' : undefined;
}

async function accountOf({ context, definition, name }: AdmissionRequest, account: string): Promise<Frozen<ServiceAccount>> {
  const { stored } = await context.storage.get(`/registry/serviceaccounts/${context.namespace}/${account}`);
  if (stored !== undefined) return stored.object as unknown as Frozen<ServiceAccount>; // the definition says of which kind the object is
  throw newForbidden(
    definition,
    name,
    `error looking up service account ${context.namespace}/${account}: serviceaccount "${account}" not found`,
  );
}

function mountToken(spec: Spec, { context }: AdmissionRequest): Spec {
  const volumes = spec.volumes ?? [];
  const existing = volumes.find(({ name, projected }) => name.startsWith('kube-api-access-') && projected !== undefined)?.name;
  const volume = existing ?? `kube-api-access-${context.random.suffix(5)}`;
  let isUsed = false;
  const mount = <C extends { readonly volumeMounts?: readonly { readonly mountPath: string }[] }>(container: C): C => {
    if ((container.volumeMounts ?? []).some((one) => one.mountPath === mountPath)) return container;
    isUsed = true;
    return { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name: volume, readOnly: true, mountPath }] };
  };
  const containers = (spec.containers ?? []).map(mount); // null until validation has refused it
  const initContainers = spec.initContainers?.map(mount);
  if (!isUsed) return spec;
  return {
    ...spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
    volumes: existing === undefined ? [...volumes, tokenVolume(volume)] : volumes,
  };
}

function tokenVolume(name: string): NonNullable<Spec['volumes']>[number] {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
      defaultMode: 420,
    },
  };
}
