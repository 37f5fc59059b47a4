import type { VolumeAttachment } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { caselessSubdomain, dnsSubdomain } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const volumeattachments: KindHooks = hooksFor<VolumeAttachment>({
  strategy: {
    allowUnconditionalUpdate: false,
    validate,
    validateUpdate: (attachment, old) => immutable('spec', attachment.spec, old.spec),
  },
});

function validate({ spec }: VolumeAttachment): readonly FieldError[] {
  const { attacher, nodeName, source } = spec;
  const faults: FieldError[] = attacher === '' ? [FieldError.required('spec.attacher')] : [...caselessSubdomain('spec.attacher', attacher)];
  const { inlineVolumeSpec, persistentVolumeName } = source;
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) {
    faults.push(FieldError.required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  } else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) {
    faults.push(FieldError.forbidden('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  } else if (persistentVolumeName === '')
    faults.push(FieldError.required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'));
  return [...faults, ...dnsSubdomain('spec.nodeName', nodeName)];
}
