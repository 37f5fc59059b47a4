import type { VolumeAttachment } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const volumeattachments: KindHooks = hooksFor<VolumeAttachment>({ strategy: { allowUnconditionalUpdate: false } });
