import type { Container, Pod, ResourceFieldSelector } from '@coracle/api';
import { type Frozen, getOwn } from '@coracle/apimachinery';
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
  const value = nanos(text);
  const unit = nanos(divisor === '0' ? '1' : divisor);
  if (value === undefined || unit === undefined || unit <= 0n) throw new ConfigError(`cannot read ${resource}: invalid quantity`);
  return ((value + unit - 1n) / unit).toString();
}

const suffixes: ReadonlyMap<string, readonly [base: bigint, exponent: number]> = new Map([
  ['n', [10n, -9]],
  ['u', [10n, -6]],
  ['m', [10n, -3]],
  ['', [10n, 0]],
  ['k', [10n, 3]],
  ['M', [10n, 6]],
  ['G', [10n, 9]],
  ['T', [10n, 12]],
  ['P', [10n, 15]],
  ['E', [10n, 18]],
  ['Ki', [2n, 10]],
  ['Mi', [2n, 20]],
  ['Gi', [2n, 30]],
  ['Ti', [2n, 40]],
  ['Pi', [2n, 50]],
  ['Ei', [2n, 60]],
]);

/** A quantity in billionths, rounded down below that; undefined when it is none. */
export function nanos(text: string): bigint | undefined {
  const match = /^(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', scientific, suffix = ''] = match;
  const [base, power] = scientific === undefined ? (suffixes.get(suffix) ?? [10n, 0]) : [10n, Number(scientific)];
  const digits = BigInt(whole + fraction);
  const scale = base === 2n ? 2n ** BigInt(power) * 10n ** 9n : 10n ** BigInt(Math.max(0, power + 9));
  const divisor = 10n ** BigInt(fraction.length) * (base === 10n && power < -9 ? 10n ** BigInt(-9 - power) : 1n);
  return (digits * scale) / divisor;
}
