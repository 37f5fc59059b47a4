import type { Container, Pod, ResourceFieldSelector } from '@coracle/api';
import { type Frozen, getOwn, milliValue, wholeValue } from '@coracle/apimachinery';
import { ConfigError } from './pod-objects.ts';
import { specOf } from './record.ts';

interface Input {
  readonly pod: Frozen<Pod>;
  readonly container?: Frozen<Container>;
  readonly allocatable: Readonly<Record<string, string>>;
}

/**
 * What a `resourceFieldRef` says: the quantity in units of the divisor, rounded up (pkg/api/v1/resource). A limit that is not
 * set is what the node has. Throws ConfigError.
 */
export function resourceText(
  { containerName = '', resource, divisor = '1' }: Frozen<ResourceFieldSelector>,
  { pod, container, allocatable }: Input,
): string {
  const spec = containerName === '' ? container : specOf(pod, containerName);
  if (spec === undefined) throw new ConfigError(`container ${containerName} not found`);
  const [kind = '', ...rest] = resource.split('.');
  const name = rest.join('.');
  if ((kind !== 'limits' && kind !== 'requests') || name === '') throw new ConfigError(`unsupported container resource : ${resource}`);
  const own = getOwn(kind === 'limits' ? spec.resources?.limits : spec.resources?.requests, name);
  const text = own ?? (kind === 'limits' ? getOwn(allocatable, name) : undefined) ?? '0';
  const amount = name === 'cpu' ? milliValue : wholeValue;
  const [value, unit] = [amount(text), amount(divisor) || amount('1')];
  return ((value + unit - 1n) / unit).toString();
}
