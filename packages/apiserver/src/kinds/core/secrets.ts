import type { Secret } from '@coracle/api';
import { FieldError, getOwn, hasOwn, mapFrom, sortedEntries } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { configMapKey } from '../rules/paths.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';
import { encodedBytes } from './configmaps.ts';
import { immutableData } from './immutable-data.ts';

/** All values together, in bytes. */
const maxBytes = 1024 * 1024;
const serviceAccountName = 'kubernetes.io/service-account.name';

/** Keys without which a Secret of its type is of no use; of basic-auth one of two is enough. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const dockerKeys: Readonly<Record<string, string>> = {
  'kubernetes.io/dockercfg': '.dockercfg',
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
};

export const secrets: KindHooks = hooksFor<Secret>({
  default: (secret) => defaulted(withStrings(secret), { type: 'Opaque' }),
  strategy: {
    validate,
    validateUpdate: (secret, old) => [
      ...immutable('type', secret.type, old.type),
      ...immutableData(secret, old, ['data']),
      ...validate(secret),
    ],
    warnings: tlsWarnings,
  },
  selectableFields: { type: selectable((secret) => secret.type) },
});

/** `stringData` is a way to write `data`: it wins over what is there, and is never stored. */
function withStrings(secret: Secret): Secret {
  const { stringData, ...rest } = secret;
  if (stringData === undefined) return secret;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  return { ...rest, data: mapFrom([...Object.entries(secret.data ?? {}), ...encoded]) };
}

function validate(secret: Secret): readonly FieldError[] {
  const { data } = secret;
  const faults: FieldError[] = [];
  for (const [key] of sortedEntries(data)) for (const text of configMapKey(key)) faults.push(FieldError.invalid(`data[${key}]`, key, text));
  if (encodedBytes(data) > maxBytes) faults.push(FieldError.tooLong('data', maxBytes));
  return [...faults, ...validateType(secret)];
}

function validateType({ type = '', data, metadata }: Secret): readonly FieldError[] {
  const missing = (keys: readonly string[]): readonly FieldError[] =>
    keys.filter((key) => !hasOwn(data, key)).map((key) => FieldError.required(`data[${key}]`));
  const dockerKey = dockerKeys[type];
  if (dockerKey !== undefined) return [...missing([dockerKey]), ...validateJson(dockerKey, getOwn(data, dockerKey))];
  if (type === 'kubernetes.io/service-account-token') {
    if ((getOwn(metadata.annotations, serviceAccountName) ?? '') !== '') return [];
    return [FieldError.required(`metadata.annotations[${serviceAccountName}]`)];
  }
  if (type === 'kubernetes.io/basic-auth')
    return hasOwn(data, 'username') || hasOwn(data, 'password') ? [] : missing(['username', 'password']);
  return missing(requiredKeys[type] ?? []);
}

/** The contents are never shown. */
function validateJson(key: string, encoded: string | undefined): readonly FieldError[] {
  if (encoded === undefined) return [];
  const text = Buffer.from(encoded, 'base64').toString();
  try {
    JSON.parse(text);
    return [];
  } catch {
    return [FieldError.invalid(`data[${key}]`, '<secret contents redacted>', jsonFault(text))];
  }
}

/** What Go's decoder says of a text that starts wrong, or stops too early. */
function jsonFault(text: string): string {
  const [first = ''] = text.trimStart();
  if (first === '') return 'unexpected end of JSON input';
  return `invalid character '${first}' looking for beginning of value`;
}

function tlsWarnings({ type, data }: Secret): readonly string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const holdsPem = (key: string): boolean => Buffer.from(getOwn(data, key) ?? '', 'base64').includes('-----BEGIN ');
  if (!holdsPem('tls.crt')) return ['tls: failed to find any PEM data in certificate input'];
  return holdsPem('tls.key') ? [] : ['tls: failed to find any PEM data in key input'];
}
