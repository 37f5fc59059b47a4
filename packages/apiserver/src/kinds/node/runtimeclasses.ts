import type { RuntimeClass } from '@coracle/api';
import { type FieldError, sortedEntries } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import { validateTolerations } from '../core/scheduling-validation.ts';
import { validateLabels } from '../rules/labels.ts';
import { dnsLabel } from '../rules/names.ts';
import { resourceName, resourceQuantity } from '../rules/resources.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const runtimeclasses: KindHooks = hooksFor<RuntimeClass>({
  default: (kind) => inField(kind, 'overhead', (overhead) => inField(overhead, 'podFixed', canonicalResources)),
  strategy: { allowUnconditionalUpdate: false, validate, validateUpdate: (kind, old) => immutable('handler', kind.handler, old.handler) },
});

function validate({ handler, overhead, scheduling }: RuntimeClass): readonly FieldError[] {
  return [
    ...dnsLabel('handler', handler),
    ...sortedEntries(overhead?.podFixed).flatMap(([name, quantity]) => [
      ...resourceName(`overhead.limits[${name}]`, name),
      ...resourceQuantity(`overhead.limits[${name}]`, name, quantity),
    ]),
    ...validateLabels('scheduling.nodeSelector', scheduling?.nodeSelector),
    ...validateTolerations('scheduling.tolerations', scheduling?.tolerations ?? []),
  ];
}
