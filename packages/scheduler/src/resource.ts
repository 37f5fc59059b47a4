import type { Container, Pod } from '@coracle/api';
import { getOwn, milliValue, type WireMap, wholeValue } from '@coracle/apimachinery';

/** Amounts by resource name: cpu in thousandths of a core, all others in whole units (bytes, things). */
export type Resources = ReadonlyMap<string, number>;

/** What scores count for a container that asks for nothing (pkg/scheduler/util DefaultMilliCPURequest, DefaultMemoryRequest). */
const assumedRequests: Resources = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
]);

/** Reads a map of quantities (`requests`, `allocatable`). Throws SyntaxError for a text that is no quantity. */
export function resourcesOf(list: WireMap | undefined): Resources {
  const amounts = new Map<string, number>();
  for (const [name, text] of Object.entries(list ?? {})) amounts.set(name, amountOf(name, text));
  return amounts;
}

/** An amount beyond 2^53 loses its last digits, which no node and no pod can tell. */
export function amountOf(name: string, text: string): number {
  return Number(name === 'cpu' ? milliValue(text) : wholeValue(text));
}

/**
 * What a pod asks of its node (k8s.io/component-helpers resource PodRequests): the containers that run together, or the
 * init container that needs most beside the sidecars started before it, whichever is more; then the overhead of the runtime.
 */
export function podRequests(pod: Pod): Resources {
  return requestsOf(pod, ({ resources }) => resourcesOf(resources?.requests));
}

/** As `podRequests`, with upstream's assumption for every container that asks for no cpu or no memory. */
export function scoringRequests(pod: Pod): Resources {
  return requestsOf(pod, ({ resources }) => new Map([...assumedRequests, ...resourcesOf(resources?.requests)]));
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

function requestsOf(pod: Pod, of: (container: Container) => Resources): Resources {
  const { spec } = pod;
  const together = new Map<string, number>();
  const sidecars = new Map<string, number>();
  const starting = new Map<string, number>();
  for (const container of spec?.containers ?? []) addTo(together, of(container));
  for (const container of spec?.initContainers ?? []) {
    const requests = of(container);
    const whileStarting = new Map(sidecars);
    addTo(whileStarting, requests);
    raiseTo(starting, whileStarting);
    if (!isSidecar(container)) continue;
    addTo(together, requests);
    addTo(sidecars, requests);
  }
  raiseTo(together, starting);
  for (const [name, text] of Object.entries(spec?.resources?.requests ?? {})) together.set(name, amountOf(name, text));
  addTo(together, resourcesOf(spec?.overhead));
  return together;
}

/** Adds `amounts` to `sum`, `times` over: −1 takes them away. */
export function addTo(sum: Map<string, number>, amounts: Resources, times: 1 | -1 = 1): void {
  for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0) + times * amount);
}

function raiseTo(sum: Map<string, number>, amounts: Resources): void {
  for (const [name, amount] of amounts) sum.set(name, Math.max(sum.get(name) ?? 0, amount));
}

/** One quantity of a map, as `amountOf`; 0 when it is not there. */
export function amountIn(list: WireMap | undefined, name: string): number {
  const text = getOwn(list, name);
  return text === undefined ? 0 : amountOf(name, text);
}
