import type { EndpointSlice } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

export const endpointslices: KindHooks = hooksFor<EndpointSlice>({
  default: (slice) => inField(slice, 'ports', (ports) => inEach(ports, (port) => defaulted(port, { name: '', protocol: 'TCP' }))),
  strategy: { hasGeneration: true },
});
