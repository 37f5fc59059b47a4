import type { KindHooks } from '../registry/kind-hooks.ts';
import { mutatingadmissionpolicies } from './admissionregistration/mutatingadmissionpolicies.ts';
import { mutatingadmissionpolicybindings } from './admissionregistration/mutatingadmissionpolicybindings.ts';
import { mutatingwebhookconfigurations } from './admissionregistration/mutatingwebhookconfigurations.ts';
import { validatingadmissionpolicies } from './admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from './admissionregistration/validatingadmissionpolicybindings.ts';
import { validatingwebhookconfigurations } from './admissionregistration/validatingwebhookconfigurations.ts';
import { customresourcedefinitions } from './apiextensions/customresourcedefinitions.ts';
import { apiservices } from './apiregistration/apiservices.ts';
import { controllerrevisions } from './apps/controllerrevisions.ts';
import { daemonsets } from './apps/daemonsets.ts';
import { deployments } from './apps/deployments.ts';
import { replicasets } from './apps/replicasets.ts';
import { statefulsets } from './apps/statefulsets.ts';
import { horizontalpodautoscalers } from './autoscaling/horizontalpodautoscalers.ts';
import { cronjobs } from './batch/cronjobs.ts';
import { jobs } from './batch/jobs.ts';
import { certificatesigningrequests } from './certificates/certificatesigningrequests.ts';
import { clustertrustbundles } from './certificates/clustertrustbundles.ts';
import { leases } from './coordination/leases.ts';
import { configmaps } from './core/configmaps.ts';
import { endpoints } from './core/endpoints.ts';
import { events } from './core/events.ts';
import { limitranges } from './core/limitranges.ts';
import { namespaces } from './core/namespaces.ts';
import { nodes } from './core/nodes.ts';
import { persistentvolumeclaims } from './core/persistentvolumeclaims.ts';
import { persistentvolumes } from './core/persistentvolumes.ts';
import { pods } from './core/pods.ts';
import { podtemplates } from './core/podtemplates.ts';
import { replicationcontrollers } from './core/replicationcontrollers.ts';
import { resourcequotas } from './core/resourcequotas.ts';
import { secrets } from './core/secrets.ts';
import { serviceaccounts } from './core/serviceaccounts.ts';
import { services } from './core/services.ts';
import { endpointslices } from './discovery/endpointslices.ts';
import { newEvents } from './events/events.ts';
import { flowschemas } from './flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from './flowcontrol/prioritylevelconfigurations.ts';
import { ingressclasses } from './networking/ingressclasses.ts';
import { ingresses } from './networking/ingresses.ts';
import { ipaddresses } from './networking/ipaddresses.ts';
import { networkpolicies } from './networking/networkpolicies.ts';
import { servicecidrs } from './networking/servicecidrs.ts';
import { runtimeclasses } from './node/runtimeclasses.ts';
import { poddisruptionbudgets } from './policy/poddisruptionbudgets.ts';
import { clusterrolebindings } from './rbac/clusterrolebindings.ts';
import { clusterroles } from './rbac/clusterroles.ts';
import { rolebindings } from './rbac/rolebindings.ts';
import { roles } from './rbac/roles.ts';
import { deviceclasses } from './resource/deviceclasses.ts';
import { devicetaintrules } from './resource/devicetaintrules.ts';
import { resourceclaims } from './resource/resourceclaims.ts';
import { resourceclaimtemplates } from './resource/resourceclaimtemplates.ts';
import { resourceslices } from './resource/resourceslices.ts';
import { priorityclasses } from './scheduling/priorityclasses.ts';
import { csidrivers } from './storage/csidrivers.ts';
import { csinodes } from './storage/csinodes.ts';
import { csistoragecapacities } from './storage/csistoragecapacities.ts';
import { storageclasses } from './storage/storageclasses.ts';
import { volumeattachments } from './storage/volumeattachments.ts';
import { volumeattributesclasses } from './storage/volumeattributesclasses.ts';
import { storageversionmigrations } from './storagemigration/storageversionmigrations.ts';

/** What the built-in kinds do beyond their rows of facts, by `group/resource`. */
export const kindHooks: Readonly<Record<string, KindHooks>> = {
  '/configmaps': configmaps,
  '/endpoints': endpoints,
  '/events': events,
  '/limitranges': limitranges,
  '/namespaces': namespaces,
  '/nodes': nodes,
  '/persistentvolumeclaims': persistentvolumeclaims,
  '/persistentvolumes': persistentvolumes,
  '/pods': pods,
  '/podtemplates': podtemplates,
  '/replicationcontrollers': replicationcontrollers,
  '/resourcequotas': resourcequotas,
  '/secrets': secrets,
  '/serviceaccounts': serviceaccounts,
  '/services': services,
  'apps/controllerrevisions': controllerrevisions,
  'apps/daemonsets': daemonsets,
  'apps/deployments': deployments,
  'apps/replicasets': replicasets,
  'apps/statefulsets': statefulsets,
  'batch/cronjobs': cronjobs,
  'batch/jobs': jobs,
  'discovery.k8s.io/endpointslices': endpointslices,
  'coordination.k8s.io/leases': leases,
  'rbac.authorization.k8s.io/clusterrolebindings': clusterrolebindings,
  'rbac.authorization.k8s.io/clusterroles': clusterroles,
  'rbac.authorization.k8s.io/rolebindings': rolebindings,
  'rbac.authorization.k8s.io/roles': roles,
  'storage.k8s.io/csidrivers': csidrivers,
  'storage.k8s.io/csinodes': csinodes,
  'storage.k8s.io/csistoragecapacities': csistoragecapacities,
  'storage.k8s.io/storageclasses': storageclasses,
  'storage.k8s.io/volumeattachments': volumeattachments,
  'storage.k8s.io/volumeattributesclasses': volumeattributesclasses,
  'policy/poddisruptionbudgets': poddisruptionbudgets,
  'autoscaling/horizontalpodautoscalers': horizontalpodautoscalers,
  'networking.k8s.io/ingressclasses': ingressclasses,
  'networking.k8s.io/ingresses': ingresses,
  'networking.k8s.io/ipaddresses': ipaddresses,
  'networking.k8s.io/networkpolicies': networkpolicies,
  'networking.k8s.io/servicecidrs': servicecidrs,
  'scheduling.k8s.io/priorityclasses': priorityclasses,
  'node.k8s.io/runtimeclasses': runtimeclasses,
  'certificates.k8s.io/certificatesigningrequests': certificatesigningrequests,
  'certificates.k8s.io/clustertrustbundles': clustertrustbundles,
  'apiregistration.k8s.io/apiservices': apiservices,
  'admissionregistration.k8s.io/mutatingadmissionpolicies': mutatingadmissionpolicies,
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': mutatingadmissionpolicybindings,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': mutatingwebhookconfigurations,
  'admissionregistration.k8s.io/validatingadmissionpolicies': validatingadmissionpolicies,
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': validatingadmissionpolicybindings,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': validatingwebhookconfigurations,
  'flowcontrol.apiserver.k8s.io/flowschemas': flowschemas,
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': prioritylevelconfigurations,
  'apiextensions.k8s.io/customresourcedefinitions': customresourcedefinitions,
  'resource.k8s.io/deviceclasses': deviceclasses,
  'resource.k8s.io/devicetaintrules': devicetaintrules,
  'resource.k8s.io/resourceclaims': resourceclaims,
  'resource.k8s.io/resourceclaimtemplates': resourceclaimtemplates,
  'resource.k8s.io/resourceslices': resourceslices,
  'storagemigration.k8s.io/storageversionmigrations': storageversionmigrations,
  'events.k8s.io/events': newEvents,
};
