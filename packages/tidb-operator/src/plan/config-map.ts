import { createHash } from 'node:crypto';
import { sortedEntries } from '@coracle/apimachinery';

/**
 * The suffix of a ConfigMap that is replaced rather than changed (upstream: pkg/manager/member/utils.go and
 * manager/utils/configmap.go): JSON of the data as Go writes it, sha256, hex, then the hex of that text, seven characters.
 */
export function configMapSuffix(data: Readonly<Record<string, string>>): string {
  const members = sortedEntries(data).map(([key, value]) => `${goJsonString(key)}:${goJsonString(value)}`);
  const digest = createHash('sha256')
    .update(`{${members.join(',')}}`)
    .digest('hex');
  return Buffer.from(digest).toString('hex').slice(0, 7);
}

function goJsonString(text: string): string {
  return JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
