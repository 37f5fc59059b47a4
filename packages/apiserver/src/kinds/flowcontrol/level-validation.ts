import type { LimitedPriorityLevelConfiguration, PriorityLevelConfigurationSpec } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { oneOf } from '../rules/names.ts';
import { within } from '../rules/numbers.ts';

const maxQueues = 10_000_000;
/** Bits of a hash with which hands are dealt: more queues and larger hands need more than there are. */
const maxHandBits = 60;

/** A level of priority: exempt from limits, or limited. */
export function validateLevel(name: string, { type, limited, exempt }: PriorityLevelConfigurationSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  if ((name === 'exempt') !== (type === 'Exempt') && (name === 'exempt' || type === 'Exempt')) {
    faults.push(FieldError.invalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  }
  if (type !== 'Exempt' && type !== 'Limited') faults.push(...oneOf('spec.type', type, ['Exempt', 'Limited']));
  if (type === 'Limited') {
    if (limited === undefined) faults.push(FieldError.required('spec.limited'));
    else faults.push(...validateLimited('spec.limited', limited));
    if (exempt !== undefined) faults.push(FieldError.forbidden('spec.exempt', 'must be nil if the type is Limited'));
  } else if (limited !== undefined) faults.push(FieldError.forbidden('spec.limited', ''));
  return faults;
}

function validateLimited(
  field: string,
  { nominalConcurrencyShares: shares, lendablePercent, limitResponse }: LimitedPriorityLevelConfiguration,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (shares !== undefined && shares !== null && shares < 0) {
    faults.push(FieldError.invalid(`${field}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'));
  }
  if (lendablePercent !== undefined && lendablePercent !== null)
    faults.push(...within(`${field}.lendablePercent`, lendablePercent, 0, 100));
  const { type = '', queuing } = limitResponse ?? {};
  const at = `${field}.limitResponse`;
  if (type === 'Reject') return queuing === undefined ? faults : [...faults, FieldError.forbidden(`${at}.queuing`, '')];
  if (type !== 'Queue') return [...faults, ...oneOf(`${at}.type`, type, ['Queue', 'Reject'])];
  if (queuing === undefined) return [...faults, FieldError.required(`${at}.queuing`)];
  for (const key of ['queues', 'handSize', 'queueLengthLimit'] as const) {
    if (queuing[key] <= 0) faults.push(FieldError.invalid(`${at}.queuing.${key}`, queuing[key], 'must be positive'));
  }
  const { queues, handSize } = queuing;
  if (queues > maxQueues) faults.push(FieldError.invalid(`${at}.queuing.queues`, queues, `must not be greater than ${maxQueues}`));
  if (handSize > queues)
    faults.push(FieldError.invalid(`${at}.queuing.handSize`, handSize, `should not be greater than queues (${queues})`));
  const bits =
    handSize > 0 && queues > 0
      ? Math.ceil(Array.from({ length: handSize }, (_, i) => Math.log2(Math.max(1, queues - i))).reduce((a, b) => a + b, 0))
      : 0;
  if (bits > maxHandBits) {
    faults.push(
      FieldError.invalid(
        `${at}.queuing.handSize`,
        handSize,
        `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${maxHandBits}`,
      ),
    );
  }
  return faults;
}
