import type { ClusterRole } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { hooksFor } from '../typed-hooks.ts';

export const clusterroles: KindHooks = hooksFor<ClusterRole>({ strategy: { validateName: nameIsPathSegment } });
