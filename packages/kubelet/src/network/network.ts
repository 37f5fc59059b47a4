import type { EndpointSlice, Service } from '@coracle/api';
import { deepFreeze, type Frozen, getOwn } from '@coracle/apimachinery';
import { type Clientset, metaNamespaceKey, resources, type SharedIndexInformer, SharedInformerFactory } from '@coracle/client';
import { type ByteDuplex, type Dialer, DialError, type Process, type Random, type RequestHandler, untilAborted } from '@coracle/kernel';
import { type AddressState, allocate, joinNode, noAddresses, nodeAddress, podCidrPrefix, release } from './addresses.ts';
import { type Caller, dialerFor, type Route } from './dialer.ts';
import { isAddress, resolve } from './dns.ts';

export interface NetworkOptions {
  readonly process: Process;
  /** Reads Services and EndpointSlices. */
  readonly clientset: Clientset;
  readonly resumed?: AddressState | undefined;
}

/** Who serves a port. */
export interface Listener {
  readonly ip: string;
  readonly port: number;
  /** Runs what arrives. */
  readonly process: Process;
  readonly handler: RequestHandler | undefined;
  readonly accept: ((connection: ByteDuplex) => void) | undefined;
  /** Aborted when the server is gone: what is under way is cut. */
  readonly closed: AbortSignal;
}

export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'EADDRINUSE';
}

/** A rule by which calls fail until it is disposed. Absent parts match everything. */
export interface Fault {
  /** Address or name of the node's or pod's address that calls; callers outside the cluster have none. */
  readonly fromIp?: string;
  readonly toIp?: string;
  readonly port?: number;
  readonly code: DialError['code'];
  /** `before`: nothing arrives. `after`: the request is carried out, and its answer is lost. Default `before`. */
  readonly when?: 'before' | 'after';
}

const serviceIpIndex = 'clusterIP';
const nodePortIndex = 'nodePort';
const sliceServiceIndex = 'service';
const serviceNameLabel = 'kubernetes.io/service-name';

/**
 * The network of one cluster: pod and node addresses, Services (as kube-proxy routes them) and DNS (as CoreDNS answers).
 * There are no packets; a request is two steps, its arrival and its answer. Addresses are plain data and fork; listeners
 * are made by the programs anew.
 */
export class Network {
  readonly #factory: SharedInformerFactory;
  readonly #services: SharedIndexInformer<Service>;
  readonly #slices: SharedIndexInformer<EndpointSlice>;
  readonly #random: Random;
  readonly #process: Process;
  readonly #listeners = new Map<string, Listener>();
  readonly #faults = new Set<Fault>();
  #addresses: AddressState;

  constructor({ process, clientset, resumed }: NetworkOptions) {
    this.#process = process;
    this.#addresses = resumed ?? noAddresses;
    this.#random = process.random.fork('network');
    this.#factory = new SharedInformerFactory(clientset);
    this.#services = this.#factory.forResource(resources.core.v1.services);
    this.#slices = this.#factory.forResource(resources.discovery.v1.endpointSlices);
    this.#services.addIndexers({ [serviceIpIndex]: ({ spec }) => clusterIps(spec), [nodePortIndex]: ({ spec }) => nodePorts(spec) });
    this.#slices.addIndexers({
      [sliceServiceIndex]: ({ metadata }) => [`${metadata.namespace}/${getOwn(metadata.labels, serviceNameLabel) ?? ''}`],
    });
  }

  /** Follows Services and EndpointSlices until `signal` aborts. */
  async run(signal: AbortSignal = this.#process.signal): Promise<void> {
    this.#factory.start(signal);
    await untilAborted(signal);
    await this.#factory.shutdown();
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await this.#factory.waitForCacheSync(signal);
  }

  /** Gives the node its addresses, the same ones when it comes again; what still listened there is gone. */
  joinNode(name: string): { readonly ip: string; readonly podCIDR: string } {
    const { state, node } = joinNode(this.#addresses, name);
    this.#addresses = state;
    this.disconnectNode(name);
    return { ip: nodeAddress(node), podCIDR: `${podCidrPrefix(node)}.0/24` };
  }

  /** Nobody listens on the node and its pods any more: what happens when its machine goes. */
  disconnectNode(name: string): void {
    const { node } = joinNode(this.#addresses, name);
    for (const [key, { ip }] of this.#listeners)
      if (ip === nodeAddress(node) || ip.startsWith(`${podCidrPrefix(node)}.`)) this.#listeners.delete(key);
  }

  /** An address for a pod. Throws RangeError when the node's range is used up. */
  allocate(nodeName: string, podUid: string): string {
    const joined = joinNode(this.#addresses, nodeName);
    const { state, ip } = allocate(joined.state, joined.node, podUid);
    this.#addresses = state;
    return ip;
  }

  release(nodeName: string, podUid: string): void {
    const { state, node } = joinNode(this.#addresses, nodeName);
    this.#addresses = release(state, node, podUid);
  }

  /** Throws ListenError when the port is taken. Closes when disposed, or when `closed` aborts. */
  listen(listener: Listener): Disposable {
    const key = `${listener.ip}:${listener.port}`;
    if (listener.closed.aborted) throw new ListenError(`listen tcp ${key}: the listener is closed`);
    const present = this.#listeners.get(key);
    if (present !== undefined && !present.closed.aborted) throw new ListenError(`listen tcp ${key}: bind: address already in use`);
    this.#listeners.set(key, listener);
    const close = (): void => {
      listener.closed.removeEventListener('abort', close);
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    };
    listener.closed.addEventListener('abort', close, { once: true });
    return { [Symbol.dispose]: close };
  }

  /** For whoever runs in `process`; `caller` is undefined outside the cluster, where full names and addresses work too. */
  dialer(process: Process, caller?: Caller): Dialer {
    return dialerFor({ process, route: (host, port) => this.#route(host, port, caller) });
  }

  /** Lets calls fail; see Fault. */
  fault(fault: Fault): Disposable {
    this.#faults.add(fault);
    return { [Symbol.dispose]: () => void this.#faults.delete(fault) };
  }

  /** Services of a namespace, for the variables that pods get of them. */
  services(namespace: string): readonly Frozen<Service>[] {
    const inNamespace = this.#services.lister.namespace(namespace).list();
    return [...inNamespace].sort((a, b) => (metaNamespaceKey(a) < metaNamespaceKey(b) ? -1 : 1));
  }

  /** Plain data to go on from in a fork. */
  snapshot(): AddressState {
    deepFreeze(this.#addresses);
    return this.#addresses;
  }

  /** Where a call goes. Throws DialError when it goes nowhere. */
  #route(host: string, port: number, caller: Caller | undefined): Route {
    const ip = this.#addressOf(host, caller);
    const target = this.#serviceTarget(ip, port);
    const fault = [...this.#faults].find((each) => matches(each, caller, target));
    if (fault !== undefined && fault.when !== 'after')
      throw new DialError(fault.code, `dial tcp ${target.ip}:${target.port}: ${fault.code} (fault)`);
    const listener = this.#listeners.get(`${target.ip}:${target.port}`);
    if (listener === undefined || listener.closed.aborted) throw this.#nobody(target);
    return { listener, lost: fault?.code };
  }

  /** A known address refuses; nobody answers for one that is not given out. */
  #nobody({ ip, port }: { readonly ip: string; readonly port: number }): DialError {
    const isUsed = this.#addresses.nodes.some(
      ({ used }, node) => nodeAddress(node) === ip || used.some(([host]) => `${podCidrPrefix(node)}.${host}` === ip),
    );
    const isService = this.#services.indexer.byIndex(serviceIpIndex, ip).length > 0;
    if (isUsed || isService) return new DialError('ECONNREFUSED', `dial tcp ${ip}:${port}: connect: connection refused`);
    return new DialError('EHOSTUNREACH', `dial tcp ${ip}:${port}: connect: no route to host`);
  }

  #addressOf(host: string, caller: Caller | undefined): string {
    if (isAddress(host)) return host.startsWith('127.') && caller !== undefined ? caller.ip : host;
    const own = host === 'localhost' ? caller?.ip : caller?.hosts.get(host);
    if (own !== undefined) return own;
    const found = resolve(host, caller?.namespace, {
      service: (namespace, name) => this.#services.lister.namespace(namespace).get(name),
      slices: (namespace, service) => this.#slices.indexer.byIndex(sliceServiceIndex, `${namespace}/${service}`),
    });
    const ip = this.#anyOf(found);
    if (ip === undefined) throw new DialError('ENOTFOUND', `lookup ${host}: no such host`);
    return ip;
  }

  /** Cluster IPs and node ports lead to a ready endpoint; every other address is its own target. */
  #serviceTarget(ip: string, port: number): { readonly ip: string; readonly port: number } {
    const isNode = this.#addresses.nodes.some((_, node) => nodeAddress(node) === ip);
    const service =
      this.#services.indexer.byIndex(serviceIpIndex, ip)[0] ??
      (isNode ? this.#services.indexer.byIndex(nodePortIndex, String(port))[0] : undefined);
    if (service === undefined) return { ip, port };
    const servicePort = service.spec.ports?.find((each) => (isNode ? each.nodePort === port : each.port === port));
    if (servicePort === undefined) return { ip, port };
    const { namespace = '', name = '' } = service.metadata;
    const targets = this.#slices.indexer.byIndex(sliceServiceIndex, `${namespace}/${name}`).flatMap((slice) => {
      const targetPort = slice.ports?.find((each) => (each.name ?? '') === (servicePort.name ?? ''))?.port;
      if (targetPort === undefined) return [];
      return (slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses }) => addresses.map((address) => ({ ip: address, port: targetPort })));
    });
    const target = this.#anyOf(targets);
    if (target === undefined) throw new DialError('ECONNREFUSED', `dial tcp ${ip}:${port}: connect: connection refused`);
    return target;
  }

  #anyOf<T>(items: readonly T[]): T | undefined {
    return items.length < 2 ? items[0] : items[this.#random.below(items.length)];
  }
}

function matches(
  { fromIp, toIp, port }: Fault,
  caller: Caller | undefined,
  target: { readonly ip: string; readonly port: number },
): boolean {
  return (
    (fromIp === undefined || fromIp === caller?.ip) &&
    (toIp === undefined || toIp === target.ip) &&
    (port === undefined || port === target.port)
  );
}

function clusterIps({ clusterIP, clusterIPs = [] }: Service['spec']): readonly string[] {
  const all = clusterIPs.length > 0 ? clusterIPs : clusterIP === undefined ? [] : [clusterIP];
  return all.filter((ip) => ip !== '' && ip !== 'None');
}

function nodePorts({ ports = [] }: Service['spec']): readonly string[] {
  return ports.flatMap(({ nodePort }) => (nodePort === undefined || nodePort === 0 ? [] : [String(nodePort)]));
}
