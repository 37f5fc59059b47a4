import type { TypeTable } from '@coracle/api';
import type { PathHandler } from './api-server.ts';
import { type HealthCheck, healthPaths, type VersionInfo } from './health.ts';
import { openApiPaths } from './open-api.ts';
import type { Resources } from './resources.ts';

export interface ServerPathOptions {
  readonly version: VersionInfo;
  readonly ready: readonly HealthCheck[];
  readonly table: TypeTable;
  /** Asked when a document is made: the server has them by then. */
  resources(): Resources;
}

/** Everything outside /api and /apis. */
export function serverPaths(options: ServerPathOptions): Readonly<Record<string, PathHandler>> {
  return { ...healthPaths(options), openapi: openApiPaths(options) };
}
