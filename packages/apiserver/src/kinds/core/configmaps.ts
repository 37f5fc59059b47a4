import type { ConfigMap } from '@coracle/api';
import { FieldError, hasOwn, sortedEntries, type WireMap } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { configMapKey } from '../rules/paths.ts';
import { immutableData } from './immutable-data.ts';
import { hooksFor } from '../typed-hooks.ts';

/** All values together, in bytes. */
const maxBytes = 1024 * 1024;

export const configmaps: KindHooks = hooksFor<ConfigMap>({
  strategy: {
    validate,
    validateUpdate: (map, old) => [...immutableData(map, old, ['data', 'binaryData']), ...validate(map)],
  },
});

function validate({ data, binaryData }: ConfigMap): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [key] of sortedEntries(data)) {
    faults.push(...validateKey('data', key));
    if (hasOwn(binaryData, key)) faults.push(FieldError.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  }
  for (const [key] of sortedEntries(binaryData)) faults.push(...validateKey('binaryData', key));
  if (textBytes(data) + encodedBytes(binaryData) > maxBytes) faults.push(FieldError.tooLong('[]', maxBytes));
  return faults;
}

function validateKey(field: string, key: string): readonly FieldError[] {
  return configMapKey(key).map((text) => FieldError.invalid(`${field}[${key}]`, key, text));
}

function textBytes(data: WireMap | undefined): number {
  return sortedEntries(data).reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
}

/** What base64 texts stand for, in bytes. */
export function encodedBytes(data: WireMap | undefined): number {
  return sortedEntries(data).reduce((sum, [, text]) => sum + Buffer.byteLength(text, 'base64'), 0);
}
