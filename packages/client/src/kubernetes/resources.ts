import type { Unstructured } from '@coracle/apimachinery';
import type { ResourceHandle } from './resource-handle.ts';

/**
 * The built-in kinds that Kubernetes 1.37 serves, by group, version and plural name (what client-go's generated groups know).
 * Use: `clientset.resource(resources.apps.v1.deployments, 'default')`.
 */
export const resources = {
  admissionregistration: {
    v1: {
      mutatingAdmissionPolicies: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicies', kind: 'MutatingAdmissionPolicy', namespaced: false } as ResourceHandle<Unstructured>,
      mutatingAdmissionPolicyBindings: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicybindings', kind: 'MutatingAdmissionPolicyBinding', namespaced: false } as ResourceHandle<Unstructured>,
      mutatingWebhookConfigurations: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingwebhookconfigurations', kind: 'MutatingWebhookConfiguration', namespaced: false } as ResourceHandle<Unstructured>,
      validatingAdmissionPolicies: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy', namespaced: false } as ResourceHandle<Unstructured>,
      validatingAdmissionPolicyBindings: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicybindings', kind: 'ValidatingAdmissionPolicyBinding', namespaced: false } as ResourceHandle<Unstructured>,
      validatingWebhookConfigurations: { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingwebhookconfigurations', kind: 'ValidatingWebhookConfiguration', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  apiextensions: {
    v1: {
      customResourceDefinitions: { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  apiregistration: {
    v1: {
      apiServices: { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices', kind: 'APIService', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  apps: {
    v1: {
      controllerRevisions: { group: 'apps', version: 'v1', resource: 'controllerrevisions', kind: 'ControllerRevision', namespaced: true } as ResourceHandle<Unstructured>,
      daemonSets: { group: 'apps', version: 'v1', resource: 'daemonsets', kind: 'DaemonSet', namespaced: true } as ResourceHandle<Unstructured>,
      deployments: { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true } as ResourceHandle<Unstructured>,
      replicaSets: { group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true } as ResourceHandle<Unstructured>,
      statefulSets: { group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  authentication: {
    v1: {
      selfSubjectReviews: { group: 'authentication.k8s.io', version: 'v1', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview', namespaced: false } as ResourceHandle<Unstructured>,
      tokenReviews: { group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews', kind: 'TokenReview', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  authorization: {
    v1: {
      localSubjectAccessReviews: { group: 'authorization.k8s.io', version: 'v1', resource: 'localsubjectaccessreviews', kind: 'LocalSubjectAccessReview', namespaced: true } as ResourceHandle<Unstructured>,
      selfSubjectAccessReviews: { group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview', namespaced: false } as ResourceHandle<Unstructured>,
      selfSubjectRulesReviews: { group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview', namespaced: false } as ResourceHandle<Unstructured>,
      subjectAccessReviews: { group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews', kind: 'SubjectAccessReview', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  autoscaling: {
    v1: {
      horizontalPodAutoscalers: { group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', namespaced: true } as ResourceHandle<Unstructured>,
    },
    v2: {
      horizontalPodAutoscalers: { group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  batch: {
    v1: {
      cronJobs: { group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob', namespaced: true } as ResourceHandle<Unstructured>,
      jobs: { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  certificates: {
    v1: {
      certificateSigningRequests: { group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest', namespaced: false } as ResourceHandle<Unstructured>,
      clusterTrustBundles: { group: 'certificates.k8s.io', version: 'v1', resource: 'clustertrustbundles', kind: 'ClusterTrustBundle', namespaced: false } as ResourceHandle<Unstructured>,
      podCertificateRequests: { group: 'certificates.k8s.io', version: 'v1', resource: 'podcertificaterequests', kind: 'PodCertificateRequest', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  coordination: {
    v1: {
      leases: { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  core: {
    v1: {
      bindings: { group: '', version: 'v1', resource: 'bindings', kind: 'Binding', namespaced: true } as ResourceHandle<Unstructured>,
      componentStatuses: { group: '', version: 'v1', resource: 'componentstatuses', kind: 'ComponentStatus', namespaced: false } as ResourceHandle<Unstructured>,
      configMaps: { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true } as ResourceHandle<Unstructured>,
      endpoints: { group: '', version: 'v1', resource: 'endpoints', kind: 'Endpoints', namespaced: true } as ResourceHandle<Unstructured>,
      events: { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true } as ResourceHandle<Unstructured>,
      limitRanges: { group: '', version: 'v1', resource: 'limitranges', kind: 'LimitRange', namespaced: true } as ResourceHandle<Unstructured>,
      namespaces: { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false } as ResourceHandle<Unstructured>,
      nodes: { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false } as ResourceHandle<Unstructured>,
      persistentVolumeClaims: { group: '', version: 'v1', resource: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim', namespaced: true } as ResourceHandle<Unstructured>,
      persistentVolumes: { group: '', version: 'v1', resource: 'persistentvolumes', kind: 'PersistentVolume', namespaced: false } as ResourceHandle<Unstructured>,
      podTemplates: { group: '', version: 'v1', resource: 'podtemplates', kind: 'PodTemplate', namespaced: true } as ResourceHandle<Unstructured>,
      pods: { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true } as ResourceHandle<Unstructured>,
      replicationControllers: { group: '', version: 'v1', resource: 'replicationcontrollers', kind: 'ReplicationController', namespaced: true } as ResourceHandle<Unstructured>,
      resourceQuotas: { group: '', version: 'v1', resource: 'resourcequotas', kind: 'ResourceQuota', namespaced: true } as ResourceHandle<Unstructured>,
      secrets: { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true } as ResourceHandle<Unstructured>,
      serviceAccounts: { group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true } as ResourceHandle<Unstructured>,
      services: { group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  discovery: {
    v1: {
      endpointSlices: { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', kind: 'EndpointSlice', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  events: {
    v1: {
      events: { group: 'events.k8s.io', version: 'v1', resource: 'events', kind: 'Event', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  flowcontrol: {
    v1: {
      flowSchemas: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas', kind: 'FlowSchema', namespaced: false } as ResourceHandle<Unstructured>,
      priorityLevelConfigurations: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'prioritylevelconfigurations', kind: 'PriorityLevelConfiguration', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  networking: {
    v1: {
      ingressClasses: { group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses', kind: 'IngressClass', namespaced: false } as ResourceHandle<Unstructured>,
      ingresses: { group: 'networking.k8s.io', version: 'v1', resource: 'ingresses', kind: 'Ingress', namespaced: true } as ResourceHandle<Unstructured>,
      ipAddresses: { group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses', kind: 'IPAddress', namespaced: false } as ResourceHandle<Unstructured>,
      networkPolicies: { group: 'networking.k8s.io', version: 'v1', resource: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true } as ResourceHandle<Unstructured>,
      serviceCIDRs: { group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs', kind: 'ServiceCIDR', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  node: {
    v1: {
      runtimeClasses: { group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses', kind: 'RuntimeClass', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  policy: {
    v1: {
      podDisruptionBudgets: { group: 'policy', version: 'v1', resource: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  rbac: {
    v1: {
      clusterRoleBindings: { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false } as ResourceHandle<Unstructured>,
      clusterRoles: { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', kind: 'ClusterRole', namespaced: false } as ResourceHandle<Unstructured>,
      roleBindings: { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'rolebindings', kind: 'RoleBinding', namespaced: true } as ResourceHandle<Unstructured>,
      roles: { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'roles', kind: 'Role', namespaced: true } as ResourceHandle<Unstructured>,
    },
  },
  resource: {
    v1: {
      deviceClasses: { group: 'resource.k8s.io', version: 'v1', resource: 'deviceclasses', kind: 'DeviceClass', namespaced: false } as ResourceHandle<Unstructured>,
      deviceTaintRules: { group: 'resource.k8s.io', version: 'v1', resource: 'devicetaintrules', kind: 'DeviceTaintRule', namespaced: false } as ResourceHandle<Unstructured>,
      resourceClaimTemplates: { group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaimtemplates', kind: 'ResourceClaimTemplate', namespaced: true } as ResourceHandle<Unstructured>,
      resourceClaims: { group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims', kind: 'ResourceClaim', namespaced: true } as ResourceHandle<Unstructured>,
      resourceSlices: { group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices', kind: 'ResourceSlice', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  scheduling: {
    v1: {
      priorityClasses: { group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses', kind: 'PriorityClass', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  storage: {
    v1: {
      csiDrivers: { group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers', kind: 'CSIDriver', namespaced: false } as ResourceHandle<Unstructured>,
      csiNodes: { group: 'storage.k8s.io', version: 'v1', resource: 'csinodes', kind: 'CSINode', namespaced: false } as ResourceHandle<Unstructured>,
      csiStorageCapacities: { group: 'storage.k8s.io', version: 'v1', resource: 'csistoragecapacities', kind: 'CSIStorageCapacity', namespaced: true } as ResourceHandle<Unstructured>,
      storageClasses: { group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses', kind: 'StorageClass', namespaced: false } as ResourceHandle<Unstructured>,
      volumeAttachments: { group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments', kind: 'VolumeAttachment', namespaced: false } as ResourceHandle<Unstructured>,
      volumeAttributesClasses: { group: 'storage.k8s.io', version: 'v1', resource: 'volumeattributesclasses', kind: 'VolumeAttributesClass', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
  storagemigration: {
    v1: {
      storageVersionMigrations: { group: 'storagemigration.k8s.io', version: 'v1', resource: 'storageversionmigrations', kind: 'StorageVersionMigration', namespaced: false } as ResourceHandle<Unstructured>,
    },
  },
} as const;
