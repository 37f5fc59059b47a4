import type { ConfigMap, Secret } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { contentFrom, type FileContent } from '../container/file-system.ts';
import type { ClaimAnswer, ClaimReference } from './claimed-volumes.ts';

/** What a pod asks for is not there, or cannot be given on a simulated node. The message is shown to users. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The objects that a pod refers to, in its namespace, as far as they are known. */
export interface PodObjects {
  /** Something was asked for that is being fetched: what was made of it is to be thrown away. */
  readonly isPending: boolean;
  configMap(name: string): Frozen<ConfigMap> | undefined;
  secret(name: string): Frozen<Secret> | undefined;
  /** The volume behind a claim, or why there is none. */
  claimedVolume(claim: ClaimReference): ClaimAnswer | undefined;
  /** A token for the pod's ServiceAccount. Throws ConfigError when the server refused. */
  token(audience: string, expirationSeconds: number): string | undefined;
}

/** Base64 of a Secret's data as the content of a file. */
export function secretContent(base64: string): FileContent {
  return contentFrom(new Uint8Array(Buffer.from(base64, 'base64')));
}
