import { deepFreeze, FieldError, newInvalid } from '@coracle/apimachinery';
import type { ApiObject, RequestContext } from '../../registry/definition.ts';
import { newValue } from './service-addresses.ts';

/** Ports of nodes that lead to Services (--service-node-port-range). */
const first = 30000;
const last = 32767;
const rangesKey = '/registry/ranges/servicenodeports';

/**
 * Holds node ports for a Service: `wanted` by number, `count` more by chance. All ports stand in one object (RangeAllocation),
 * read and swapped until nobody was faster: two requests cannot take the same one. Throws 422 when one cannot be had.
 */
export async function allocateNodePorts(
  context: RequestContext,
  name: string,
  { wanted, count }: { readonly wanted: readonly { readonly port: number; readonly field: string }[]; readonly count: number },
): Promise<readonly number[]> {
  if (wanted.length === 0 && count === 0) return [];
  return change(context, (taken) => {
    for (const { port, field } of wanted) {
      if (port < first || port > last) {
        throw refusal(
          name,
          FieldError.invalid(field, port, `provided port is not in the valid range. The range of valid ports is ${first}-${last}`),
        );
      }
      if (taken.has(port)) throw refusal(name, FieldError.invalid(field, port, 'provided port is already allocated'));
      taken.add(port);
    }
    return Array.from({ length: count }, () => takeFree(context, taken, name));
  });
}

export async function releaseNodePorts(context: RequestContext, ports: readonly number[]): Promise<void> {
  if (ports.length === 0) return;
  await change(context, (taken) => {
    for (const port of ports) taken.delete(port);
  });
}

function takeFree({ random }: RequestContext, taken: Set<number>, name: string): number {
  const width = last - first + 1;
  const start = random.below(width);
  for (let i = 0; i < width; i++) {
    const port = first + ((start + i) % width);
    if (taken.has(port)) continue;
    taken.add(port);
    return port;
  }
  throw refusal(name, FieldError.internal('spec.ports', 'failed to allocate a nodePort: range is full'));
}

async function change<T>(context: RequestContext, run: (taken: Set<number>) => T): Promise<T> {
  for (;;) {
    const { stored } = await context.storage.get(rangesKey);
    const taken = readBitmap(stored?.object);
    const result = run(taken);
    const value = newValue(rangeOf(taken));
    const { succeeded } = await context.storage.commit({ key: rangesKey, expect: stored?.revision ?? 'absent', value });
    if (succeeded) return result;
  }
}

function rangeOf(taken: ReadonlySet<number>): ApiObject {
  let bits = 0n;
  for (const port of taken) bits |= 1n << BigInt(port - first);
  const hex = bits.toString(16);
  const data = bits === 0n ? '' : Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64');
  return deepFreeze({ kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: `${first}-${last}`, data });
}

/** Bit n of the number that the bytes are, the most significant first, stands for the range's nth port. */
function readBitmap(object: ApiObject | undefined): Set<number> {
  const taken = new Set<number>();
  const bytes = Buffer.from(typeof object?.['data'] === 'string' ? object['data'] : '', 'base64').reverse();
  for (const [i, byte] of bytes.entries()) for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) taken.add(first + 8 * i + bit);
  return taken;
}

function refusal(name: string, fault: FieldError): Error {
  return newInvalid({ group: '', kind: 'Service' }, name, [fault]);
}
