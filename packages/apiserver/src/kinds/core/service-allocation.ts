import type { Service, ServiceSpec } from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import type { ApiObject, ObjectChange, RequestContext } from '../../registry/definition.ts';
import { allocateAddress, releaseAddress, reserveAddress } from './service-addresses.ts';
import { headless, isHeadless, needsClusterIp, needsHealthCheckPort, needsNodePorts } from './service-fields.ts';
import { allocateNodePorts, releaseNodePorts } from './service-node-ports.ts';

interface Begun {
  readonly object?: ApiObject;
  finish(): Promise<void>;
  revert(): Promise<void>;
}

/**
 * Takes what a Service needs and does not have, before the Service is written; gives it back when that fails. What the former
 * Service had and the new one lacks is given back once it is written: nothing is ever held twice. A server that dies in between
 * leaves something held that nobody has, which upstream's repair loops mend.
 */
export async function beginService({ object, old }: ObjectChange, context: RequestContext): Promise<Begun> {
  const before = specOf(old);
  const taken: Taken = { ips: [], ports: [] };
  const undo = async (): Promise<void> => {
    await Promise.all(taken.ips.map((ip) => releaseAddress(context, ip)));
    await releaseNodePorts(context, taken.ports);
  };
  try {
    const spec = object === undefined ? undefined : await withAllocations(context, object, before, taken);
    const finish = (): Promise<void> => release(context, before, spec ?? {});
    if (object === undefined || spec === undefined) return { finish, revert: undo };
    return { object: deepFreeze({ ...object, spec }) as ApiObject, finish, revert: undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

interface Taken {
  ips: string[];
  ports: number[];
}

async function withAllocations(context: RequestContext, object: ApiObject, before: ServiceSpec, taken: Taken): Promise<ServiceSpec> {
  let spec = specOf(object);
  if (needsClusterIp(spec) && !isHeadless(spec)) {
    const [ip] = spec.clusterIPs ?? [];
    if (ip === undefined) {
      const given = await allocateAddress(context, object);
      taken.ips.push(given);
      spec = { ...spec, clusterIP: given, clusterIPs: [given] };
    } else if (!heldIps(before).includes(ip)) {
      await reserveAddress(context, object, ip);
      taken.ips.push(ip);
    }
  }
  return withPorts(context, object.metadata.name ?? '', spec, before, taken);
}

async function withPorts(
  context: RequestContext,
  name: string,
  spec: ServiceSpec,
  before: ServiceSpec,
  taken: Taken,
): Promise<ServiceSpec> {
  const had = heldPorts(before);
  const ports = spec.ports ?? [];
  const wanted = ports.flatMap(({ nodePort = 0 }, i) => {
    const isFirst = ports.findIndex((one) => one.nodePort === nodePort) === i;
    return nodePort === 0 || had.includes(nodePort) || !isFirst ? [] : [{ port: nodePort, field: `spec.ports[${i}].nodePort` }];
  });
  const missing = needsNodePorts(spec) ? ports.filter(({ nodePort = 0 }) => nodePort === 0).length : 0;
  const needsCheck = needsHealthCheckPort(spec);
  const { healthCheckNodePort: check = 0 } = spec;
  if (needsCheck && check !== 0 && !had.includes(check)) wanted.push({ port: check, field: 'spec.healthCheckNodePort' });
  const checks = needsCheck && check === 0 ? 1 : 0;
  const chosen = [...(await allocateNodePorts(context, name, { wanted, count: missing + checks }))];
  taken.ports.push(...wanted.map(({ port }) => port), ...chosen);
  const filled = missing === 0 ? spec : { ...spec, ports: ports.map((port) => withNodePort(port, chosen)) };
  const [checkPort] = chosen;
  return checks === 0 || checkPort === undefined ? filled : { ...filled, healthCheckNodePort: checkPort };
}

type Port = NonNullable<ServiceSpec['ports']>[number];

function withNodePort(port: Port, chosen: number[]): Port {
  if ((port.nodePort ?? 0) !== 0) return port;
  const nodePort = chosen.shift();
  return nodePort === undefined ? port : { ...port, nodePort };
}

async function release(context: RequestContext, before: ServiceSpec, spec: ServiceSpec): Promise<void> {
  const ips = heldIps(spec);
  const ports = heldPorts(spec);
  for (const ip of heldIps(before)) if (!ips.includes(ip)) await releaseAddress(context, ip);
  await releaseNodePorts(
    context,
    heldPorts(before).filter((port) => !ports.includes(port)),
  );
}

function heldIps(spec: ServiceSpec): readonly string[] {
  return needsClusterIp(spec) ? (spec.clusterIPs ?? []).filter((ip) => ip !== headless) : [];
}

function heldPorts({ ports = [], healthCheckNodePort = 0 }: ServiceSpec): readonly number[] {
  return [...ports.map(({ nodePort = 0 }) => nodePort), healthCheckNodePort].filter((port) => port !== 0);
}

function specOf(object: ApiObject | undefined): ServiceSpec {
  return (object as unknown as Service | undefined)?.spec ?? {}; // the registry gives a Services' strategy Services
}
