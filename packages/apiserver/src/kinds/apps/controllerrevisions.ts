import type { ControllerRevision } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const controllerrevisions: KindHooks = hooksFor<ControllerRevision>({ strategy: {} });
