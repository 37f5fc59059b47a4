import type { ResourceClaimSpec } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';

interface Countable {
  readonly allocationMode?: string;
  readonly count?: number;
  readonly tolerations?: readonly { readonly operator?: string }[];
}

/** Spec of a claim for devices, alone or in a template. */
export function defaultClaimSpec(spec: ResourceClaimSpec): ResourceClaimSpec {
  return inField(spec, 'devices', (devices) =>
    inField(devices, 'requests', (requests) =>
      inEach(requests, (request) =>
        inField(inField(request, 'exactly', defaultRequest), 'firstAvailable', (choices) => inEach(choices, defaultRequest)),
      ),
    ),
  );
}

function defaultRequest<R extends Countable>(request: R): R {
  let result: Countable = defaulted<Countable>(request, { allocationMode: 'ExactCount' });
  if (result.allocationMode === 'ExactCount') result = defaulted(result, { count: 1 });
  // The fields that only R has were kept.
  return inField(result, 'tolerations', (list) => inEach(list, (one) => defaulted(one, { operator: 'Equal' }))) as R;
}
