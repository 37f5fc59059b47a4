import type { Service, ServicePort, ServiceSpec } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

/** Seconds that a client sticks to a pod. */
const affinityTimeoutSeconds = 10800;

export const services: KindHooks = hooksFor<Service>({
  default(service) {
    let spec = defaulted(service.spec, { sessionAffinity: 'None', type: 'ClusterIP' });
    spec = withAffinity(spec);
    spec = inField(spec, 'ports', (ports) => inEach(ports, defaultPort));
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec = defaulted(spec, { externalTrafficPolicy: 'Cluster' });
    if (spec.type !== 'ExternalName') spec = defaulted(spec, { internalTrafficPolicy: 'Cluster' });
    if (spec.type === 'LoadBalancer') spec = defaulted(spec, { allocateLoadBalancerNodePorts: true });
    return { ...service, spec };
  },
  strategy: {},
  selectableFields: {
    'spec.clusterIP': selectable((service) => service.spec?.clusterIP),
    'spec.type': selectable((service) => service.spec?.type),
  },
});

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
