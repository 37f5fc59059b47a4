import { StatusError, type Transport } from '@coracle/apimachinery';
import type { ByteDuplex, Process } from '@coracle/kernel';
import { collectionPath } from '../../kubernetes/resource-handle.ts';
import { isUpgradeRefused } from '../../transport/spdy/upgrade-refused.ts';
import { channelledPort } from './channelled-port.ts';
import { spdyPort, tunnelledPort } from './spdy-port.ts';

/** The pod whose ports are reached. */
export interface PortForwardTarget {
  readonly process: Process;
  readonly transport: Transport;
  readonly namespace: string;
  readonly pod: string;
}

/**
 * A connection to `port` of a pod, through the API server and the node (client-go tools/portforward, kubectl's FallbackDialer): SPDY in a
 * WebSocket; with a server that refuses that, SPDY itself; and where something on the way lets neither through, the older
 * `v4.channel.k8s.io`. One connection to the server for each, so that a slow one holds up no other. `end` says that no more is written, which
 * the older protocol cannot say. Throws StatusError when the server refuses, TransportError when no connection can be made, RangeError for
 * what is no port, PortForwardError when the node refuses. Reading throws PortForwardError for what the node reports.
 */
export async function portForward(
  target: PortForwardTarget,
  port: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ByteDuplex> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`${port} is no port`);
  const { process, transport, namespace, pod } = target;
  const path = `${collectionPath({ group: '', version: 'v1', resource: 'pods' }, namespace)}/${encodeURIComponent(pod)}/portforward`;
  const address = { process, transport, path, signal: options.signal };
  try {
    const tunnelled = await tunnelledPort(address, port);
    if (tunnelled !== undefined) return tunnelled;
  } catch (error) {
    if (!isUpgradeRefused(error)) throw error;
  }
  try {
    // Also when the tunnel was forbidden: who may POST may not be allowed to GET.
    return await spdyPort(address, port);
  } catch (error) {
    if (!isUpgradeRefused(error)) throw error;
    if (error.cause instanceof StatusError) throw error.cause;
  }
  return channelledPort(address, port);
}
