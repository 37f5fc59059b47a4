import { deepFreeze, FieldError, formatTime, newInvalid, writeJsonBytes } from '@coracle/apimachinery';
import type { ApiObject, RequestContext } from '../../registry/definition.ts';
import { storagePrefix } from '../../registry/storage-prefix.ts';
import { resourceVersionOffset } from '../../storage/splice.ts';
import type { NewValue } from '../../storage/storage.ts';
import { formatIp, type IpRange, isInRange, networkOf, parseCidr, parseIp } from '../rules/ip.ts';

/** Addresses of Services (--service-cluster-ip-range). */
const range: IpRange = parseCidr('10.0.0.0/24') ?? { family: 'IPv4', value: 0n, prefix: 32 };
const size = 2 ** (32 - range.prefix);
/** The lower part is left for addresses that are asked for by number, as long as the upper part lasts (KEP-3070). */
const staticBand = Math.min(Math.max(16, Math.floor(size / 16)), 256);
/** Of the API server's own Service (--service-cluster-ip-range, its first). */
export const firstServiceAddress: string = formatIp({ family: range.family, value: networkOf(range).value + 1n });
const addressKey = storagePrefix('networking.k8s.io', 'ipaddresses');

/**
 * Addresses are held as IPAddress objects, which exist at most once: of two requests that want the same address at once, one
 * sees its creation fail and takes another (registry/core/service/ipallocator).
 */
export async function allocateAddress(context: RequestContext, owner: ApiObject): Promise<string> {
  const { items } = await context.storage.list(addressKey);
  const taken = new Set(items.map(({ key }) => key.slice(addressKey.length)));
  for (const [from, to] of [
    [staticBand, size - 1],
    [1, staticBand],
  ] as const) {
    const width = to - from;
    const start = context.random.below(width);
    for (let i = 0; i < width; i++) {
      const ip = formatIp({ family: range.family, value: networkOf(range).value + BigInt(from + ((start + i) % width)) });
      if (!taken.has(ip) && (await hold(context, ip, owner))) return ip;
    }
  }
  throw newInvalid(services, owner.metadata.name ?? '', [
    FieldError.invalid('spec.clusterIPs', shownIps(owner), 'failed to allocate a serviceIP: range is full'),
  ]);
}

/** Holds `ip`, which the client asked for. Throws 422 when it cannot be had. */
export async function reserveAddress(context: RequestContext, owner: ApiObject, ip: string): Promise<void> {
  const fault = await reservationFault(context, owner, ip);
  if (fault === undefined) return;
  throw newInvalid(services, owner.metadata.name ?? '', [
    FieldError.invalid('spec.clusterIPs', shownIps(owner), `failed to allocate IP ${ip}: ${fault}`),
  ]);
}

async function reservationFault(context: RequestContext, owner: ApiObject, ip: string): Promise<string | undefined> {
  const address = parseIp(ip);
  if (address === undefined || !isInRange(address, range)) return 'the provided network does not match the current range';
  return (await hold(context, formatIp(address), owner)) ? undefined : 'provided IP is already allocated';
}

export async function releaseAddress(context: RequestContext, ip: string): Promise<void> {
  const key = addressKey + ip;
  const { stored } = await context.storage.get(key);
  if (stored !== undefined) await context.storage.commit({ key, expect: stored.revision, value: 'deleted' });
}

async function hold(context: RequestContext, ip: string, owner: ApiObject): Promise<boolean> {
  const { succeeded } = await context.storage.commit({
    key: addressKey + ip,
    expect: 'absent',
    value: newValue(addressOf(context, ip, owner)),
  });
  return succeeded;
}

function addressOf(context: RequestContext, ip: string, { metadata }: ApiObject): ApiObject {
  return deepFreeze({
    kind: 'IPAddress',
    apiVersion: 'networking.k8s.io/v1',
    metadata: {
      name: ip,
      uid: context.random.uuid(),
      creationTimestamp: formatTime(context.clock.now()),
      labels: { 'ipaddress.kubernetes.io/ip-family': range.family, 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
    },
    spec: { parentRef: { group: '', resource: 'services', namespace: metadata.namespace ?? '', name: metadata.name ?? '' } },
  });
}

/** An object of the server's own as it is stored. */
export function newValue(object: ApiObject): NewValue {
  const bytes = writeJsonBytes(object);
  return { bytes, rvOffset: resourceVersionOffset(bytes), object };
}

function shownIps({ spec }: ApiObject): unknown {
  return (spec as { readonly clusterIPs?: readonly string[] } | undefined)?.clusterIPs ?? null; // the object is a Service
}

const services = { group: '', kind: 'Service' } as const;
