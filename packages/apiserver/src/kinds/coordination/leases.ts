import type { Lease } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nonNegative } from '../rules/numbers.ts';
import { hooksFor } from '../typed-hooks.ts';

export const leases: KindHooks = hooksFor<Lease>({
  strategy: {
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: false,
    prepareForCreate: withoutElection,
    prepareForUpdate: withoutElection,
    validate,
  },
});

function validate({ spec }: Lease): readonly FieldError[] {
  const { leaseDurationSeconds: seconds, leaseTransitions } = spec;
  const faults: FieldError[] =
    seconds !== undefined && seconds <= 0 ? [FieldError.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')] : [];
  return [...faults, ...nonNegative('spec.leaseTransitions', leaseTransitions)];
}

/** Elections among candidates are of a feature that is off by default: upstream drops what belongs to them. */
function withoutElection(lease: Lease): Lease {
  if (lease.spec === undefined) return lease;
  const { strategy: _s, preferredHolder: _p, ...spec } = lease.spec;
  return { ...lease, spec };
}
