import type { LimitRange } from '@coracle/api';
import { hasOwn, sortedEntries, withEntry, type WireMap } from '@coracle/apimachinery';
import { inEach, inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateLimitRange } from './limitrange-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

type Item = LimitRange['spec']['limits'][number];

export const limitranges: KindHooks = hooksFor<LimitRange>({
  default: (range) => inField(range, 'spec', (spec) => inField(spec, 'limits', (limits) => inEach(limits, defaultItem))),
  strategy: { validate: validateLimitRange },
});

/** For containers a limit defaults to the most that is allowed, a request to the limit, else to the least that is allowed. */
function defaultItem(sent: Item): Item {
  let item = sent;
  for (const key of ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const)
    item = inField(item, key, canonicalResources);
  if (item.type !== 'Container') return item;
  const limits = completed(item.default, item.max);
  const requests = completed(completed(item.defaultRequest, limits), item.min);
  return { ...item, ...(limits === undefined ? {} : { default: limits }), ...(requests === undefined ? {} : { defaultRequest: requests }) };
}

function completed(resources: WireMap | undefined, from: WireMap | undefined): WireMap | undefined {
  let result = resources;
  for (const [name, quantity] of sortedEntries(from)) if (!hasOwn(result, name)) result = withEntry(result, name, quantity);
  return result;
}
