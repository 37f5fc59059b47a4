import { X509Certificate } from 'node:crypto';
import type { ClusterTrustBundle } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { dnsSubdomain } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { validateSignerName } from './csr-validation.ts';

/** Of all certificates together, in bytes of PEM. */
const maxBytes = 1024 * 1024;
const hidden = '<value omitted>';
const field = 'spec.trustBundle';

/** Anchors of trust, named after the signer whose they are (validation.ValidateClusterTrustBundle). */
export function validateTrustBundle(bundle: ClusterTrustBundle): readonly FieldError[] {
  return [...validateNames(bundle), ...validateAnchors(bundle.spec.trustBundle ?? '')];
}

/** A text that stays is not read again: parsers change. */
export function validateTrustBundleUpdate(bundle: ClusterTrustBundle, old: ClusterTrustBundle): readonly FieldError[] {
  const { trustBundle, signerName = '' } = bundle.spec;
  return [
    ...validateNames(bundle),
    ...(trustBundle === old.spec.trustBundle ? [] : validateAnchors(trustBundle ?? '')),
    ...immutable('spec.signerName', signerName, old.spec.signerName ?? ''),
  ];
}

function validateNames({ metadata: { name = '' }, spec: { signerName = '' } }: ClusterTrustBundle): readonly FieldError[] {
  const at = 'metadata.name';
  if (signerName === '') {
    if (name.includes(':')) return [FieldError.invalid(at, name, 'ClusterTrustBundle without signer name must not have ":" in its name')];
    return dnsSubdomain(at, name);
  }
  const prefix = `${signerName.replaceAll('/', ':')}:`;
  const faults = name.startsWith(prefix)
    ? dnsSubdomain(at, name.slice(prefix.length)).map(({ detail }) => FieldError.invalid(at, name, detail))
    : [FieldError.invalid(at, name, `ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`)];
  return [...faults, ...validateSignerName('spec.signerName', signerName)];
}

function validateAnchors(text: string): readonly FieldError[] {
  if (Buffer.byteLength(text) > maxBytes) return [FieldError.tooLong(field, maxBytes)];
  const faults: FieldError[] = [];
  const seen = new Map<string, number[]>();
  const blocks = [...text.matchAll(/-----BEGIN ([^-]+)-----\r?\n([\s\S]*?)-----END \1-----/g)];
  for (const [i, [, type = '', body = '']] of blocks.entries()) {
    const fault = type === 'CERTIFICATE' ? anchorFault(body) : `has bad block type: ${type}`;
    if (fault !== undefined) faults.push(FieldError.invalid(field, hidden, `entry ${i} ${fault}`));
    else {
      const key = body.replaceAll(/\s/g, '');
      seen.set(key, [...(seen.get(key) ?? []), i]);
    }
  }
  // A broken entry is fault enough.
  if (faults.length > 0) return faults;
  if (seen.size === 0) return [FieldError.invalid(field, hidden, 'at least one trust anchor must be provided')];
  const repeated = [...seen.values()].filter((indices) => indices.length > 1);
  return repeated.map((indices) => FieldError.invalid(field, hidden, `duplicate trust anchor (indices [${indices.join(' ')}])`));
}

function anchorFault(body: string): string | undefined {
  if (body.includes(':')) return 'has PEM block headers';
  try {
    return new X509Certificate(Buffer.from(body, 'base64')).ca ? undefined : 'does not have the CA bit set';
  } catch {
    return 'does not parse as X.509'; // whatever the parser dislikes, upstream says no more
  }
}
