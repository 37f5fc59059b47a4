import type { Container, Pod, ResourceRequirements } from '@coracle/api';
import { compareQuantities, getOwn, sortedEntries } from '@coracle/apimachinery';
import { isPositive } from '../resource-lists.ts';

/** Only these decide the class. */
const counted: ReadonlySet<string> = new Set(['cpu', 'memory']);

/** Quality of service class, by which pods are evicted when a node runs short (pkg/apis/core/helper/qos). */
export function qosClass({ spec }: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const parts = spec.resources === undefined ? containersOf(spec).map(({ resources = {} }) => resources) : [spec.resources];
  if (parts.every((resources) => !asks(resources))) return 'BestEffort';
  return parts.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function containersOf(spec: Pod['spec']): readonly Container[] {
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
}

function asks({ requests, limits }: ResourceRequirements): boolean {
  return [...sortedEntries(requests), ...sortedEntries(limits)].some(([name, quantity]) => counted.has(name) && isPositive(quantity));
}

function isGuaranteed({ requests, limits }: ResourceRequirements): boolean {
  for (const name of counted) {
    const limit = getOwn(limits, name);
    if (limit === undefined || !isPositive(limit)) return false;
    const request = getOwn(requests, name);
    if (request !== undefined && compareQuantities(request, limit) !== 0) return false;
  }
  return true;
}
