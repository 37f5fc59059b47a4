import type { IPAddress } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { isCanonicalIp } from '../rules/ip.ts';
import { hooksFor } from '../typed-hooks.ts';

export const ipaddresses: KindHooks = hooksFor<IPAddress>({ strategy: { validateName: nameIsCanonicalIp, validate } });

function nameIsCanonicalIp(name: string): readonly string[] {
  return isCanonicalIp('metadata.name', name).map(({ detail }) => detail);
}

function validate({ spec }: IPAddress): readonly FieldError[] {
  const ref = spec?.parentRef;
  if (ref === undefined || ref === null) return [FieldError.required('spec.parentRef')];
  const faults: FieldError[] = (ref.resource ?? '') === '' ? [FieldError.required('spec.parentRef.resource')] : [];
  return (ref.name ?? '') === '' ? [...faults, FieldError.required('spec.parentRef.name')] : faults;
}
