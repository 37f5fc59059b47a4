import type {
  APIService,
  CertificateSigningRequest,
  ClusterTrustBundle,
  CustomResourceDefinition,
  DeviceClass,
  DeviceTaintRule,
  EventEventsV1,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  PodCertificateRequest,
  ResourceClaimResourceV1,
  ResourceClaimTemplate,
  ResourceSlice,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '@coracle/api';
import { formatTime, type Frozen, humanDuration, parseTime } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { eventCells } from './event.ts';
import { isTrue, labelsText, namedRow, rowOf, selectorText } from './row.ts';

type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;
type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

/** Rows of the groups by which the API is extended and requests are judged, and of certificates, devices and events.k8s.io. */
export const extension: Readonly<Record<string, Cells>> = {
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicies': namedRow<MutatingAdmissionPolicy>(({ spec }) => [
    (spec?.mutations ?? []).length,
    paramKind(spec),
  ]),
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings': namedRow<MutatingAdmissionPolicyBinding>(bindingCells),
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations': namedRow<MutatingWebhookConfiguration>(({ webhooks }) => [
    (webhooks ?? []).length,
  ]),
  'admissionregistration.k8s.io/v1/validatingadmissionpolicies': namedRow<ValidatingAdmissionPolicy>(({ spec }) => [
    (spec?.validations ?? []).length,
    paramKind(spec),
  ]),
  'admissionregistration.k8s.io/v1/validatingadmissionpolicybindings': namedRow<ValidatingAdmissionPolicyBinding>(bindingCells),
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations': namedRow<ValidatingWebhookConfiguration>(({ webhooks }) => [
    (webhooks ?? []).length,
  ]),
  'apiextensions.k8s.io/v1/customresourcedefinitions': rowOf<CustomResourceDefinition>(({ metadata, spec, status }) => {
    const served = (spec.versions ?? [])
      .filter((version) => version.served)
      .map(({ name, storage }) => (storage ? `${name}(storage)` : name));
    const created = parseTime(metadata.creationTimestamp);
    return [
      metadata.name ?? '',
      spec.scope,
      served.sort().join(','),
      created === undefined ? null : formatTime(created),
      spec.group,
      spec.names.kind,
      (spec.names.shortNames ?? []).join(','),
      isTrue(status?.conditions, 'Established'),
    ];
  }),
  'apiregistration.k8s.io/v1/apiservices': namedRow<APIService>(({ spec, status }) => {
    const available = (status?.conditions ?? []).find(({ type }) => type === 'Available');
    const { status: value = 'Unknown', reason = '' } = available ?? {};
    const service = spec?.service;
    return [
      service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
      value === 'True' || reason === '' ? value : `${value} (${reason})`,
    ];
  }),
  'certificates.k8s.io/v1/certificatesigningrequests': rowOf<CertificateSigningRequest>((request, { since }) => [
    request.metadata.name ?? '',
    since(request.metadata.creationTimestamp),
    request.spec.signerName,
    request.spec.username ?? '',
    request.spec.expirationSeconds === undefined ? '<none>' : humanDuration(request.spec.expirationSeconds * 1_000),
    signingState(request),
  ]),
  'certificates.k8s.io/v1/podcertificaterequests': rowOf<PodCertificateRequest>(({ metadata, spec, status }) => [
    metadata.name ?? '',
    spec.podName,
    spec.serviceAccountName,
    spec.nodeName,
    spec.signerName,
    (status?.conditions ?? []).findLast(({ type }) => ['Issued', 'Denied', 'Failed'].includes(type))?.type ?? 'Pending',
    labelsText(spec.unverifiedUserAnnotations),
  ]),
  'certificates.k8s.io/v1/clustertrustbundles': rowOf<ClusterTrustBundle>(({ metadata, spec }) => {
    const { signerName = '' } = spec;
    return [metadata.name ?? '', signerName === '' ? '<none>' : signerName];
  }),
  'events.k8s.io/v1/events': rowOf<EventEventsV1>((event, context) =>
    eventCells(
      {
        metadata: event.metadata,
        type: event.type,
        reason: event.reason,
        about: event.regarding,
        component: event.deprecatedSource?.component,
        host: event.deprecatedSource?.host,
        controller: event.reportingController,
        instance: event.reportingInstance,
        text: event.note,
        first: event.deprecatedFirstTimestamp,
        last: event.deprecatedLastTimestamp,
        eventTime: event.eventTime,
        count: event.deprecatedCount,
        series: event.series,
      },
      context,
    ),
  ),
  'resource.k8s.io/v1/deviceclasses': namedRow<DeviceClass>(() => []),
  'resource.k8s.io/v1/devicetaintrules': namedRow<DeviceTaintRule>(({ spec }, { since }) => {
    const taint = spec?.taint;
    return [taint?.key ?? '', taint?.value ?? '', taint?.effect ?? '', since(taint?.timeAdded)];
  }),
  'resource.k8s.io/v1/resourceclaims': namedRow<ResourceClaimResourceV1>(({ metadata, status }) => {
    const isDeleted = metadata.deletionTimestamp !== undefined;
    const isAllocated = status?.allocation !== undefined;
    const states = [
      ...(isDeleted ? ['deleted'] : []),
      ...(isAllocated ? ['allocated'] : isDeleted ? [] : ['pending']),
      ...(isAllocated && (status.reservedFor ?? []).length > 0 ? ['reserved'] : []),
    ];
    return [states.join(',')];
  }),
  'resource.k8s.io/v1/resourceclaimtemplates': namedRow<ResourceClaimTemplate>(() => []),
  'resource.k8s.io/v1/resourceslices': namedRow<ResourceSlice>(({ spec }) => [
    spec?.nodeName ?? '',
    spec?.driver ?? '',
    spec?.pool.name ?? '',
  ]),
};

function paramKind(spec: Frozen<Policy>['spec'] | undefined): string {
  const kind = spec?.paramKind;
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;
}

function bindingCells({ spec }: Binding): readonly unknown[] {
  return [spec?.policyName ?? '', paramName(spec?.paramRef)];
}

/** Parameters without a namespace may be of any. */
function paramName(reference: NonNullable<Frozen<Binding>['spec']>['paramRef']): string {
  const { name = '', namespace = '', selector } = reference ?? {};
  if (name !== '') return `${namespace === '' ? '*' : namespace}/${name}`;
  return selector === undefined ? '<unset>' : selectorText(selector);
}

function signingState({ status }: Frozen<CertificateSigningRequest>): string {
  const has = (wanted: string): boolean => (status?.conditions ?? []).some(({ type }) => type === wanted);
  const judged = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${judged}${has('Failed') ? ',Failed' : ''}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`;
}
