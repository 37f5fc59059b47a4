import type { Container, PodSpec, PodTemplateSpec, Volume } from '@coracle/api';
import { getOwn, type ObjectMeta, sortedEntries } from '@coracle/apimachinery';

/** Types of volumes that are on their way out, or gone (pkg/api/pod/warnings.go). */
const deprecatedVolumes: Readonly<Partial<Record<keyof Volume, string>>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

/** Labels of nodes that had other names once. */
const deprecatedLabels: readonly (readonly [key: string, text: string])[] = [
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
];
const criticalAnnotation = 'scheduler.alpha.kubernetes.io/critical-pod';

/** What a pod or a template gets away with but should not do; `field` is '' for a pod, `spec.template` for a workload's. */
export function podWarnings(field: string, { metadata, spec }: PodTemplateSpec): readonly string[] {
  const at = (path: string): string => (field === '' ? path : `${field}.${path}`);
  return spec === undefined ? [] : [...specWarnings(at('spec'), spec), ...annotationWarnings(at('metadata.annotations'), metadata)];
}

function specWarnings(field: string, spec: PodSpec): readonly string[] {
  const found: string[] = [];
  for (const [key, text] of deprecatedLabels)
    if (getOwn(spec.nodeSelector, key) !== undefined) found.push(`${field}.nodeSelector[${key}]: ${text}`);
  for (const [i, { name = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (name === '') found.push(`${field}.imagePullSecrets[${i}]: invalid empty name ""`);
  }
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    for (const [type, text] of Object.entries(deprecatedVolumes)) {
      if (volume[type as keyof Volume] !== undefined) found.push(`${field}.volumes[${i}].${type}: ${text}`);
    }
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) found.push(...containerWarnings(`${field}.${list}[${i}]`, container));
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    found.push(`${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`);
  }
  return found;
}

function containerWarnings(field: string, { env = [], ports = [] }: Container): readonly string[] {
  const found: string[] = [];
  const names = new Map<string, string>();
  for (const [i, { name, value = '' }] of env.entries()) {
    // A later definition may well refer to the one that it hides.
    if (names.has(name) && !value.includes(`$(${name})`)) {
      found.push(`${field}.env[${i}]: hides previous definition of "${name}", which may be dropped when using apply`);
    }
    names.set(name, value);
  }
  for (const [i, port] of ports.entries()) {
    const same = ports.slice(0, i).findIndex((other) => other.containerPort === port.containerPort && other.protocol === port.protocol);
    if (same >= 0) found.push(`${field}.ports[${i}]: duplicate port definition with ${field}.ports[${same}]`);
  }
  return found;
}

function annotationWarnings(field: string, metadata: ObjectMeta | undefined): readonly string[] {
  const isCritical = sortedEntries(metadata?.annotations).some(([key]) => key === criticalAnnotation);
  return isCritical ? [`${field}[${criticalAnnotation}]: non-functional in v1.16+; use the "priorityClassName" field instead`] : [];
}
