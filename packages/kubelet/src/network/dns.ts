import type { EndpointSlice, Service } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';

/** What the cluster's DNS knows: reads of caches. */
export interface DnsRecords {
  service(namespace: string, name: string): Frozen<Service> | undefined;
  slices(namespace: string, service: string): readonly Frozen<EndpointSlice>[];
}

export const clusterDomain = 'cluster.local';
const longestChain = 8; // of ExternalName Services

/** Full names that a short one may mean, in order: the search list of a pod's resolv.conf with ndots 5. */
export function searchNames(host: string, namespace: string | undefined): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const domains = [...(namespace === undefined ? [] : [`${namespace}.svc.${clusterDomain}`]), `svc.${clusterDomain}`, clusterDomain];
  const searched = domains.map((domain) => `${host}.${domain}`);
  return host.split('.').length > 5 ? [host, ...searched] : [...searched, host];
}

/**
 * Addresses of a name, as CoreDNS answers: the cluster IP of a Service; for a headless one those of its ready endpoints, or
 * of the endpoint whose hostname leads the name. Empty: no such name. (The endpoint controllers set `ready` for
 * publishNotReadyAddresses.)
 */
export function resolve(host: string, namespace: string | undefined, records: DnsRecords): readonly string[] {
  let names = searchNames(host.toLowerCase(), namespace);
  for (let i = 0; i < longestChain; i++) {
    const found = firstAnswer(names, records);
    if (found === undefined) return [];
    if (typeof found !== 'string') return found;
    if (isAddress(found)) return [found];
    names = [found];
  }
  return [];
}

/** Addresses, or the name that an ExternalName Service stands for. */
function firstAnswer(names: readonly string[], records: DnsRecords): readonly string[] | string | undefined {
  for (const name of names) {
    const found = answer(name, records);
    if (found !== undefined && found.length > 0) return found;
  }
  return undefined;
}

function answer(name: string, records: DnsRecords): readonly string[] | string | undefined {
  const pod = /^(\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3})\.[a-z0-9-]+\.pod\.cluster\.local$/.exec(name)?.[1];
  if (pod !== undefined) return [pod.replaceAll('-', '.')];
  const match = /^(?:([^.]+)\.)?([^.]+)\.([^.]+)\.svc\.cluster\.local$/.exec(name);
  if (match === null) return undefined;
  const [, hostname, serviceName = '', namespace = ''] = match;
  const service = records.service(namespace, serviceName);
  if (service === undefined) return undefined;
  const { type, clusterIP = '', externalName } = service.spec;
  if (type === 'ExternalName') return hostname === undefined ? externalName : undefined;
  if (hostname === undefined && clusterIP !== '' && clusterIP !== 'None') return [clusterIP];
  const endpoints = records.slices(namespace, serviceName).flatMap((slice) => slice.endpoints ?? []); // no endpoints are null on the wire
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
  const named = hostname === undefined ? ready : ready.filter((endpoint) => endpoint.hostname === hostname);
  return [...new Set(named.flatMap(({ addresses }) => addresses))];
}

export function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}
