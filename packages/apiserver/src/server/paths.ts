import type { PathHandler } from './api-server.ts';
import { type HealthCheck, healthPaths, type VersionInfo } from './health.ts';
import type { Resources } from './resources.ts';

export interface ServerPathOptions {
  readonly version: VersionInfo;
  readonly ready: readonly HealthCheck[];
  /** Asked when a document is made: the server has them by then. */
  resources(): Resources;
}

/** Everything outside /api and /apis. */
export function serverPaths({ version, ready }: ServerPathOptions): Readonly<Record<string, PathHandler>> {
  return healthPaths({ version, ready });
}
