import type { Node, Pod, PodCertificateRequest, ServiceAccount } from '@coracle/api';
import { type Frozen, goQuote, newForbidden, newStatusError } from '@coracle/apimachinery';
import type { Authorizer } from '../authorization/authorizer.ts';
import { mirrorAnnotation } from '../authorization/pod-references.ts';
import { storagePrefix } from '../registry/storage-prefix.ts';
import type { AdmissionRequest } from './admission.ts';

/** A node asks for certificates of pods that run on it, under their account, and nothing else (noderestriction admitPodCertificateRequest). */
export async function admitPodCertificateRequest(authorizer: Authorizer, nodeName: string, request: AdmissionRequest): Promise<void> {
  const { definition, operation, subresource, context, name } = request;
  const refused = (why: string): Error => newForbidden(definition, name, why);
  if (operation !== 'CREATE') throw refused(`unexpected operation ${operation}`);
  if (subresource !== '') throw refused(`unexpected subresource ${subresource}`);
  if (request.object === undefined) return;
  const { spec } = request.object as unknown as Frozen<PodCertificateRequest>; // the definition says of which kind the object is
  const read = async <T>(resource: string, key: string, shown: string, what: string): Promise<Frozen<T>> => {
    const { stored } = await context.storage.get(storagePrefix('', resource) + key);
    if (stored === undefined) throw later(`while retrieving ${what} named in the PodCertificateRequest: ${shown} not found`);
    return stored.object as unknown as Frozen<T>; // what is stored under the prefix is of this kind
  };
  if (spec.nodeName !== nodeName)
    throw refused(`PodCertificateRequest.Spec.NodeName=${goQuote(spec.nodeName)}, which is not the requesting node ${goQuote(nodeName)}`);
  const node = await read<Node>('nodes', spec.nodeName, `node ${goQuote(spec.nodeName)}`, `node ${goQuote(spec.nodeName)}`);
  const of = goQuote(`${context.namespace}/${spec.podName}`);
  if (node.metadata.uid !== spec.nodeUID)
    throw later(
      `PodCertificateRequest for pod ${of} names node UID ${goQuote(spec.nodeUID)}, inconsistent with the running node (${goQuote(node.metadata.uid ?? '')})`,
    );
  const pod = await read<Pod>('pods', `${context.namespace}/${spec.podName}`, `pod ${goQuote(spec.podName)}`, `pod ${of}`);
  if (pod.metadata.uid !== spec.podUID)
    throw later(
      `PodCertificateRequest for pod ${of} contains pod UID (${goQuote(spec.podUID)}) which differs from running pod ${goQuote(pod.metadata.uid ?? '')}`,
    );
  if (pod.spec.nodeName !== spec.nodeName)
    throw refused(`pod ${of} is not running on node ${goQuote(spec.nodeName)} named in the PodCertificateRequest`);
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) throw refused(`pod ${of} is a mirror pod`);
  const account = pod.spec.serviceAccountName ?? '';
  if (spec.serviceAccountName !== account)
    throw refused(
      `PodCertificateRequest for pod ${of} contains serviceAccountName (${goQuote(spec.serviceAccountName)}) that differs from running pod (${goQuote(account)})`,
    );
  const { metadata } = await read<ServiceAccount>(
    'serviceaccounts',
    `${context.namespace}/${account}`,
    `serviceaccount ${goQuote(account)}`,
    `service account ${goQuote(`${context.namespace}/${account}`)}`,
  );
  if (metadata.uid !== spec.serviceAccountUID)
    throw later(
      `PodCertificateRequest for pod ${of} names service account UID ${goQuote(spec.serviceAccountUID)}, which differs from the running service account (${goQuote(metadata.uid ?? '')})`,
    );
  const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ podCertificate }) => podCertificate?.signerName === spec.signerName)) return;
  const { decision } = await authorizer.authorize({
    user: context.user,
    verb: 'request-serviceaccounts-podcertificate-signer',
    resourceRequest: true,
    apiGroup: definition.group,
    apiVersion: definition.version,
    resource: spec.signerName.replaceAll('/', ':'),
    subresource: '',
    namespace: context.namespace,
    name: account,
  });
  if (decision !== 'allow')
    throw refused(`pod ${of} does not mount a podCertificate projected volume for signer ${goQuote(spec.signerName)}`);
}

/** No refusal: asked again, it may be right. */
function later(message: string): Error {
  return newStatusError(500, '', message);
}
