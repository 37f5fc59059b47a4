import type { Endpoints } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const endpoints: KindHooks = hooksFor<Endpoints>({
  default: (object) =>
    inField(object, 'subsets', (subsets) =>
      inEach(subsets, (subset) => inField(subset, 'ports', (ports) => inEach(ports, (port) => defaulted(port, { protocol: 'TCP' })))),
    ),
  strategy: {},
});
