import type { Difference } from '../recorded/differences.fixture.ts';

/** Where defaults, refusals, admission and rows of tables differ from the real server's, each with why. */
export const kindDifferences: readonly Difference[] = [
  {
    reason: 'protection of volumes in use: no controller of ours would take its finalizer off again',
    cases: {
      defaults:
        'PersistentVolume.create PersistentVolume.put-minimal-again PersistentVolumeClaim.create PersistentVolumeClaim.managed-fields PersistentVolumeClaim.put-minimal-again VolumeAttributesClass.managed-fields rich-pv-csi rich-pvc-block',
      validation: 'PersistentVolumeClaim.datasource-kind',
      tables: 'min-PersistentVolumeClaim min-VolumeAttributesClass',
    },
  },
  {
    reason: 'taints of new nodes: no controller of ours would take them off again',
    cases: {
      admission: 'taint-new-nodes',
      defaults: 'Node.create Node.put-minimal-again rich-node-podcidr',
      validation: 'Node.only-metadata',
    },
  },
  {
    reason: 'controllers of upstream inside the server that write status: of FlowSchemas, of APIServices',
    cases: {
      defaults: 'APIService.managed-fields FlowSchema.create FlowSchema.put-minimal-again',
      validation: 'FlowSchema.update-level-ok',
      tables: 'min-APIService min-FlowSchema',
    },
  },
  {
    reason: 'the message ends in a diff of internal structs of Go',
    cases: {
      defaults: 'update-pod-image-and-label',
      validation:
        'PersistentVolume.update-source PersistentVolumeClaim.update-grow-unbound PersistentVolumeClaim.update-shrink Pod.update-command Pod.update-deadline-set Pod.update-gates-add Pod.update-image-ok Pod.update-labels Pod.update-node-name Pod.update-resources Pod.update-tolerations-add',
    },
  },
  {
    reason: 'the message shows a claim as an internal struct of Go',
    cases: { validation: 'ResourceClaimTemplate.update-spec' },
  },
  {
    reason: 'CEL is not evaluated: neither checked when it is written, nor asked when objects are',
    cases: {
      admission:
        'map-apply map-chain map-jsonpatch map-sidecar map-variables vap-match-conditions vap-message vap-message-expression vap-namespace-object vap-no-message vap-old-object vap-reason-invalid vap-reason-requestentitytoolarge vap-request-user vap-runtime-error-fail vap-runtime-error-ignore vap-scale',
      validation:
        'DeviceClass.cel-bad MutatingAdmissionPolicy.apply-type MutatingAdmissionPolicy.jsonpatch-type ResourceClaim.cel-bad ValidatingAdmissionPolicy.audit-key ValidatingAdmissionPolicy.expression-syntax ValidatingAdmissionPolicy.message-expression-bad ValidatingAdmissionPolicy.variable-bad ValidatingAdmissionPolicy.variable-use ValidatingWebhookConfiguration.condition-bad',
    },
  },
  { reason: 'LimitRanges are stored, not enforced', cases: { admission: 'limits-default limits-pod limits-ratio' } },
  {
    reason: 'ResourceQuotas are stored, not enforced',
    cases: { admission: 'quota-cpu quota-scope-besteffort quota-services quota-zero-configmaps' },
  },
  {
    reason: 'labels of PodSecurity are stored, not enforced',
    cases: {
      admission:
        'podsecurity-bad-labels podsecurity-label-existing podsecurity-restricted podsecurity-update podsecurity-version podsecurity-volumes podsecurity-warn',
    },
  },
  { reason: 'webhooks are stored, not called', cases: { admission: 'webhook-unreachable-fail webhook-unreachable-service' } },
  {
    reason: 'admission of runtime classes, of default classes of Ingresses and of the resizing of claims is not built',
    cases: { admission: 'default-ingress-class pvc-resize-forbidden', validation: 'Pod.runtimeclass-missing' },
  },
  {
    reason: 'decoding does not tell an empty list from an absent one',
    cases: { validation: 'HorizontalPodAutoscaler.autoscaling.v2.behavior-no-policies CustomResourceDefinition.only-metadata' },
  },
  {
    reason: 'labels that the real server gives a job when it reads it back are there when it is judged',
    cases: { validation: 'Job.bad-name' },
  },
  { reason: 'a definition without a name is told what its name should be', cases: { validation: 'CustomResourceDefinition.no-name' } },
  { reason: 'the approval of certificates answers 501', cases: { tables: 'csr-denied' } },
  {
    reason: 'rows carry no conditions',
    cases: { tables: 'pod-error pod-evicted pod-init-error pod-signal' },
  },
  { reason: 'the metadata of a row is that of the object as it is served', cases: { tables: 'min-DaemonSet' } },
];
