import type { ServiceCIDR } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { formatIp, isCidr, networkOf, parseCidr } from '../rules/ip.ts';
import { hooksFor } from '../typed-hooks.ts';

export const servicecidrs: KindHooks = hooksFor<ServiceCIDR>({ strategy: { validate, validateUpdate } });

function validate({ spec }: ServiceCIDR): readonly FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [FieldError.required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [FieldError.invalid('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const faults: FieldError[] = [];
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (second !== undefined && first === second) {
    faults.push(
      FieldError.invalid('spec.cidrs', cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'),
    );
  }
  return [...faults, ...cidrs.flatMap((cidr, i) => validateCidr(`spec.cidrs[${i}]`, cidr))];
}

function validateCidr(field: string, cidr: string): readonly FieldError[] {
  const range = parseCidr(cidr);
  if (range === undefined) return isCidr(field, cidr);
  const network = networkOf(range);
  if (network.value !== range.value) return [FieldError.invalid(field, cidr, 'must not have bits set beyond the prefix length')];
  const canonical = `${formatIp(network)}/${range.prefix}`;
  return canonical === cidr ? [] : [FieldError.invalid(field, cidr, `must be in canonical form ("${canonical}")`)];
}

/** A range may get one of the other family, but stays what it is. */
function validateUpdate({ spec }: ServiceCIDR, old: ServiceCIDR): readonly FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  return (old.spec?.cidrs ?? []).flatMap((cidr, i) =>
    cidrs[i] === cidr ? [] : [FieldError.invalid(`spec.cidrs[${i}]`, cidrs[i] ?? null, 'field is immutable')],
  );
}
