import type { CertificateSigningRequest } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { dnsSubdomain } from '../rules/names.ts';

const minSeconds = 600;
const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

/** A request for a certificate; what stands in it is read by the signer. */
export function validateRequest({ spec }: CertificateSigningRequest): readonly FieldError[] {
  const faults: FieldError[] = [];
  const request = Buffer.from(spec.request ?? '', 'base64').toString('latin1');
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(request)) {
    faults.push(FieldError.invalid('spec.request', spec.request ?? null, 'PEM block type must be CERTIFICATE REQUEST'));
  }
  const given = spec.usages ?? [];
  if (given.length === 0) faults.push(FieldError.required('spec.usages'));
  for (const [i, usage] of given.entries()) {
    const at = `spec.usages[${i}]`;
    if (!usages.includes(usage)) faults.push(FieldError.notSupported(at, usage, usages));
    else if (given.indexOf(usage) < i) faults.push(FieldError.duplicate(at, usage));
  }
  if (spec.signerName === 'kubernetes.io/legacy-unknown') {
    faults.push(FieldError.invalid('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version'));
  } else faults.push(...validateSignerName('spec.signerName', spec.signerName));
  const { expirationSeconds } = spec;
  if (expirationSeconds !== undefined && expirationSeconds < minSeconds) {
    faults.push(
      FieldError.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'),
    );
  }
  return faults;
}

/** `example.com/name`: a path that somebody's domain owns. */
export function validateSignerName(field: string, name: string): readonly FieldError[] {
  if (name === '') return [FieldError.required(field)];
  const slash = name.indexOf('/');
  const domain = name.slice(0, slash);
  if (slash < 0 || slash === name.length - 1)
    return [FieldError.invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  if (!domain.includes('.')) return [FieldError.invalid(field, domain, 'should be a domain with at least two segments separated by dots')];
  return dnsSubdomain(field, domain);
}
