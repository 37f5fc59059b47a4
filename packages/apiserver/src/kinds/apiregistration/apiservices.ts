import type { APIService } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

/** Port of an aggregated server's Service. */
const defaultPort = 443;

export const apiservices: KindHooks = hooksFor<APIService>({
  default: (object) => inField(object, 'spec', (spec) => inField(spec, 'service', (service) => defaulted(service, { port: defaultPort }))),
  strategy: { allowUnconditionalUpdate: false },
});
