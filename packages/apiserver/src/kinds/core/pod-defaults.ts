import type {
  Container,
  EnvVar,
  EphemeralContainer,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '@coracle/api';
import { hasOwn, sortedEntries, withEntry } from '@coracle/apimachinery';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import { pullPolicyOf } from './image-pull-policy.ts';
import { defaultVolume } from './volume-defaults.ts';

/** Defaults of a pod's spec wherever it stands: in a pod, or in the template of a workload (pkg/apis/core/v1/defaults.go). */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  let result = defaulted(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
  });
  // One field under two names: what either says, both say.
  const account = spec.serviceAccountName ?? spec.serviceAccount;
  if (account !== undefined && (spec.serviceAccount !== account || spec.serviceAccountName !== account)) {
    result = { ...result, serviceAccountName: account, serviceAccount: account };
  }
  result = inField(result, 'containers', (list) => inEach(list, defaultContainer));
  result = inField(result, 'initContainers', (list) => inEach(list, defaultContainer));
  result = inField(result, 'ephemeralContainers', (list) => inEach(list, defaultContainer));
  result = inField(result, 'volumes', (list) => inEach(list, defaultVolume));
  result = inField(result, 'overhead', canonicalResources);
  return inField(result, 'resources', canonicalRequirements);
}

/** `template` of a workload. A workload that lacks one gets the defaults of an empty one. */
export function defaultPodTemplate<T extends PodTemplateSpec | undefined>(template: T): T {
  return template?.spec === undefined ? template : { ...template, spec: defaultPodSpec(template.spec) };
}

/** What only pods get, not templates: requests follow limits, host ports follow the container's on the host's network. */
export function defaultPodOnly(spec: PodSpec): PodSpec {
  const complete = (container: Container): Container => {
    const requested = inField(container, 'resources', requestsFromLimits);
    return spec.hostNetwork === true ? withHostPorts(requested) : requested;
  };
  let result = inField(spec, 'containers', (list) => inEach(list, complete));
  result = inField(result, 'initContainers', (list) => inEach(list, complete));
  return defaulted(result, { enableServiceLinks: true });
}

function withHostPorts(container: Container): Container {
  return inField(container, 'ports', (ports) =>
    inEach(ports, (port) => (port.hostPort === undefined ? { ...port, hostPort: port.containerPort } : port)),
  );
}

function requestsFromLimits(resources: ResourceRequirements): ResourceRequirements {
  let { requests } = resources;
  for (const [name, limit] of sortedEntries(resources.limits)) if (!hasOwn(requests, name)) requests = withEntry(requests, name, limit);
  return requests === undefined || requests === resources.requests ? resources : { ...resources, requests };
}

function defaultContainer<C extends Container | EphemeralContainer>(container: C): C {
  let result: Container = defaulted<Container>(container, {
    imagePullPolicy: pullPolicyOf(container.image ?? ''),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  result = inField(result, 'ports', (ports) => inEach(ports, (port) => defaulted(port, { protocol: 'TCP' })));
  result = inField(result, 'livenessProbe', defaultProbe);
  result = inField(result, 'readinessProbe', defaultProbe);
  result = inField(result, 'startupProbe', defaultProbe);
  result = withLifecycle(result);
  result = inField(result, 'env', (env) => inEach(env, defaultEnv));
  result = inField(result, 'resources', canonicalRequirements);
  return result as C; // the fields that only C has were kept
}

function defaultProbe(probe: Probe): Probe {
  const timed = defaulted(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  const filled = inField(timed, 'grpc', (grpc) => defaulted(grpc, { service: '' }));
  return inField(filled, 'httpGet', (get) => defaulted(get, { path: '/', scheme: 'HTTP' }));
}

/** Stop signals are of a feature that is off by default: what says them is dropped, as upstream drops it. */
function withLifecycle(container: Container): Container {
  const { lifecycle, ...rest } = container;
  if (lifecycle === undefined) return container;
  const { stopSignal: _, ...hooks } = inField(inField(lifecycle, 'postStart', defaultHandler), 'preStop', defaultHandler);
  return Object.keys(hooks).length === 0 && lifecycle.stopSignal !== undefined ? rest : { ...rest, lifecycle: hooks };
}

function defaultHandler(handler: LifecycleHandler): LifecycleHandler {
  return inField(handler, 'httpGet', (get) => defaulted(get, { path: '/', scheme: 'HTTP' }));
}

function defaultEnv(variable: EnvVar): EnvVar {
  return inField(variable, 'valueFrom', (source) => {
    const field = inField(source, 'fieldRef', (ref) => defaulted(ref, { apiVersion: 'v1' }));
    return inField(field, 'fileKeyRef', (ref) => defaulted(ref, { optional: false }));
  });
}

function canonicalRequirements(resources: ResourceRequirements): ResourceRequirements {
  return inField(inField(resources, 'limits', canonicalResources), 'requests', canonicalResources);
}
