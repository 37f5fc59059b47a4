import { setTimeout as wait } from 'node:timers/promises';
import type { LoadClient } from './load-client.ts';

const lookEveryMs = 10;

/** ConfigMaps that each namespace has of its own. */
export const objectsOfNamespace = 1;

/**
 * Makes a namespace for a case, so that nothing else is listed or watched with what it makes; resolves with the path of its
 * ConfigMaps when the controllers have put theirs there.
 */
export async function createNamespace(client: LoadClient, name: string): Promise<string> {
  await client.send('POST', '/api/v1/namespaces', Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
  const path = `/api/v1/namespaces/${name}/configmaps`;
  while ((await client.statusOf(`${path}/kube-root-ca.crt`)) !== 200) await wait(lookEveryMs);
  return path;
}

/** The body that creates a ConfigMap with `bytes` of letters in it: in no order, so that nothing compresses it to nothing. */
export function configMapBody(name: string, bytes: number): Buffer {
  return Buffer.from(JSON.stringify(configMap(name, bytes)));
}

export function configMap(
  name: string,
  bytes: number,
): { apiVersion: 'v1'; kind: 'ConfigMap'; metadata: { name: string }; data: { letters: string } } {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { letters: letters(name, bytes) } };
}

/** The same for the same name, in every run. */
function letters(name: string, count: number): string {
  let state = 2_166_136_261;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 16_777_619);
  let text = '';
  while (text.length < count) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += String.fromCharCode(97 + ((state >>> 16) % 26));
  }
  return text;
}
