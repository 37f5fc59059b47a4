import type { EndpointSlice, Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from '@coracle/api';
import type { Cells } from '../registry/kind-hooks.ts';
import { loadBalancerAddresses } from './core.ts';
import { namedRow, selectorText, withMore } from './row.ts';

const shown = 3;

/** Rows of networking.k8s.io and discovery.k8s.io. */
export const networking: Readonly<Record<string, Cells>> = {
  'discovery.k8s.io/v1/endpointslices': namedRow<EndpointSlice>(({ addressType, ports, endpoints }) => [
    addressType,
    orUnset(
      withMore(
        (ports ?? []).map(({ name, port }) => String(port ?? name ?? '*')),
        shown,
        ',',
      ),
    ),
    orUnset(
      withMore(
        (endpoints ?? []).flatMap(({ addresses }) => addresses),
        shown,
        ',',
      ),
    ),
  ]),
  'networking.k8s.io/v1/ingressclasses': namedRow<IngressClass>(({ spec }) => {
    const { kind = '', apiGroup, name = '' } = spec?.parameters ?? {};
    return [
      spec?.controller ?? '',
      spec?.parameters === undefined ? '<none>' : `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`,
    ];
  }),
  'networking.k8s.io/v1/ingresses': namedRow<Ingress>(({ spec, status }) => [
    spec?.ingressClassName ?? '<none>',
    hostsText((spec?.rules ?? []).map(({ host = '' }) => host)),
    loadBalancerAddresses(status?.loadBalancer?.ingress).join(','),
    (spec?.tls ?? []).length === 0 ? '80' : '80, 443',
  ]),
  // The real server's row has an age too, though there is no column for it.
  'networking.k8s.io/v1/ipaddresses': namedRow<IPAddress>(({ spec }) => {
    const { group = '', resource = '', namespace = '', name = '' } = spec?.parentRef ?? {};
    if (spec?.parentRef === undefined) return ['<none>'];
    return [[group === '' ? resource : `${resource}.${group}`, ...(namespace === '' ? [] : [namespace]), name].join('/')];
  }),
  'networking.k8s.io/v1/networkpolicies': namedRow<NetworkPolicy>(({ spec }) => [selectorText(spec?.podSelector)]),
  'networking.k8s.io/v1/servicecidrs': namedRow<ServiceCIDR>(({ spec }) => [(spec?.cidrs ?? []).join(',')]),
};

function orUnset(text: string): string {
  return text === '' ? '<unset>' : text;
}

/** Hosts of rules; rules for any host count among those that are left out. */
function hostsText(hosts: readonly string[]): string {
  const named = hosts.filter((host) => host !== '').slice(0, shown);
  if (named.length === 0) return '*';
  const last = hosts.indexOf(named.at(-1) ?? '');
  const hasMore = named.length === shown && last < hosts.length - 1;
  return hasMore ? `${named.join(',')} + ${hosts.length - shown} more...` : named.join(',');
}
