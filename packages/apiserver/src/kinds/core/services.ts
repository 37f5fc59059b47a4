import type { Service, ServicePort, ServiceSpec } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';
import type { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsDns1123Label } from '../../registry/validate-metadata.ts';
import { hooksFor, selectable, withSpec } from '../typed-hooks.ts';
import { beginService } from './service-allocation.ts';
import { isExternallyAccessible, normalizedForCreate, normalizedForUpdate, unavailableFamilies } from './service-fields.ts';
import { serviceWarnings, validateService, validateServiceUpdate } from './service-validation.ts';

/** Seconds that a client sticks to a pod. */
const affinityTimeoutSeconds = 10800;

export const services: KindHooks = hooksFor<Service>({
  default(service) {
    let spec = defaulted(service.spec, { sessionAffinity: 'None', type: 'ClusterIP' });
    spec = withAffinity(spec);
    spec = inField(spec, 'ports', (ports) => inEach(ports, defaultPort));
    if (isExternallyAccessible(spec)) spec = defaulted(spec, { externalTrafficPolicy: 'Cluster' });
    if (spec.type !== 'ExternalName') spec = defaulted(spec, { internalTrafficPolicy: 'Cluster' });
    if (spec.type === 'LoadBalancer') spec = defaulted(spec, { allocateLoadBalancerNodePorts: true });
    return { ...service, spec };
  },
  strategy: {
    validateName: nameIsDns1123Label,
    prepareForCreate: (service) => withSpec(service, normalizedForCreate(service.spec ?? {})),
    prepareForUpdate: (service, old) => withSpec(service, normalizedForUpdate(service.spec ?? {}, old.spec ?? {})),
    validate: validateNew,
    validateUpdate(service, old) {
      const faults = [...validateServiceUpdate(service, old), ...validateService(service)];
      return faults.length > 0 ? faults : unavailableFamilies(service);
    },
    warnings: serviceWarnings,
    begin: beginService,
  },
  selectableFields: {
    'spec.clusterIP': selectable((service) => service.spec?.clusterIP),
    'spec.type': selectable((service) => service.spec?.type),
  },
});

/** The right Service in a cluster that cannot serve it is refused for that alone. */
function validateNew(service: Service): readonly FieldError[] {
  const unavailable = unavailableFamilies(service);
  return unavailable.length > 0 ? unavailable : validateService(service);
}

function defaultPort(port: ServicePort): ServicePort {
  const { targetPort = 0 } = port;
  const aimed = targetPort === 0 || targetPort === '' ? { ...port, targetPort: port.port } : port;
  return defaulted(aimed, { protocol: 'TCP' });
}

function withAffinity(spec: ServiceSpec): ServiceSpec {
  if (spec.sessionAffinity === 'None') {
    const { sessionAffinityConfig: _, ...rest } = spec;
    return rest;
  }
  if (spec.sessionAffinity !== 'ClientIP' || spec.sessionAffinityConfig?.clientIP?.timeoutSeconds !== undefined) return spec;
  return { ...spec, sessionAffinityConfig: { clientIP: { timeoutSeconds: affinityTimeoutSeconds } } };
}
