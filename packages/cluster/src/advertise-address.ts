import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The address of this host that clients elsewhere would dial: its first of IPv4 that is neither of loopback nor of one link only.
 * A kube-apiserver too advertises such a one when it listens on loopback (apimachinery pkg/util/net ChooseHostInterface, which
 * goes by the default route). Undefined when there is none.
 */
export function advertiseAddress(interfaces: Interfaces = networkInterfaces()): string | undefined {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'))?.address;
}
