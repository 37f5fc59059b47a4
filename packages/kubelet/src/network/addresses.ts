/** Which addresses are given out: plain data, saved for forks. */
export interface AddressState {
  /** In order of joining: the place is the number that the addresses follow from. */
  readonly nodes: readonly NodeAddresses[];
}

export interface NodeAddresses {
  readonly name: string;
  /** Host part of the address to try next. */
  readonly next: number;
  /** Owner (uid of a pod) by host part. */
  readonly used: readonly (readonly [host: number, owner: string])[];
}

export const noAddresses: AddressState = Object.freeze({ nodes: [] });

const firstHost = 2; // .1 is the bridge
const lastHost = 254;

/** 10.244.N.0/24 for N < 256, then the /24s up to 10.255.255, then those of 100.64.0.0/10. Throws RangeError beyond. */
export function podCidrPrefix(node: number): string {
  if (node < 12 * 256) return `10.${244 + Math.floor(node / 256)}.${node % 256}`;
  const rest = node - 12 * 256;
  if (rest >= 64 * 256) throw new RangeError(`Cannot address node ${node}: the pod networks are used up`);
  return `100.${64 + Math.floor(rest / 256)}.${rest % 256}`;
}

/** Address of a node itself, as a kind cluster's: 172.18.0.2 and up. */
export function nodeAddress(node: number): string {
  const host = node + 2;
  return `172.18.${Math.floor(host / 256)}.${host % 256}`;
}

/** The place of a node, which joins when it is not known. */
export function joinNode(state: AddressState, name: string): { readonly state: AddressState; readonly node: number } {
  const known = state.nodes.findIndex((node) => node.name === name);
  if (known >= 0) return { state, node: known };
  return { state: { nodes: [...state.nodes, { name, next: firstHost, used: [] }] }, node: state.nodes.length };
}

/**
 * Gives `owner` an address of the node, the same one when it has one. Addresses are taken in turn, as host-local does, so
 * that one is not used again at once. Throws RangeError when all 253 are used.
 */
export function allocate(state: AddressState, node: number, owner: string): { readonly state: AddressState; readonly ip: string } {
  const entry = state.nodes[node];
  if (entry === undefined) throw new RangeError(`Cannot allocate an address: there is no node ${node}`);
  const prefix = podCidrPrefix(node);
  const own = entry.used.find(([, of]) => of === owner);
  if (own !== undefined) return { state, ip: `${prefix}.${own[0]}` };
  const taken = new Set(entry.used.map(([host]) => host));
  const size = lastHost - firstHost + 1;
  for (let i = 0; i < size; i++) {
    const host = firstHost + ((entry.next - firstHost + i) % size);
    if (taken.has(host)) continue;
    const next = host === lastHost ? firstHost : host + 1;
    return { state: withNode(state, node, { ...entry, next, used: [...entry.used, [host, owner]] }), ip: `${prefix}.${host}` };
  }
  throw new RangeError(`Cannot allocate an address: no IP addresses available in range ${prefix}.0/24`);
}

export function release(state: AddressState, node: number, owner: string): AddressState {
  const entry = state.nodes[node];
  if (entry === undefined) return state;
  return withNode(state, node, { ...entry, used: entry.used.filter(([, of]) => of !== owner) });
}

function withNode(state: AddressState, node: number, entry: NodeAddresses): AddressState {
  return { nodes: state.nodes.with(node, entry) };
}
