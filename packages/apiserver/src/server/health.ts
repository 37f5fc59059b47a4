import { deepFreeze } from '@coracle/apimachinery';
import type { PathHandler } from './api-server.ts';
import type { Answer } from './render.ts';

/** Something that has to hold before the server is ready: `undefined` when it does, else what is missing. */
export interface HealthCheck {
  readonly name: string;
  check(): string | undefined;
}

/** The Kubernetes version whose API this server speaks, in the shape of /version. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

/** /healthz, /livez, /readyz and /version (apiserver pkg/server/healthz). `ready` decides about /readyz only. */
export function healthPaths(options: {
  readonly ready: readonly HealthCheck[];
  readonly version: VersionInfo;
}): Readonly<Record<string, PathHandler>> {
  const alive: PathHandler = (_request, query) => report('livez', [], query);
  return {
    healthz: (_request, query) => report('healthz', [], query),
    livez: alive,
    readyz: (_request, query) => report('readyz', options.ready, query),
    version: () => ({ is: 'value', status: 200, value: deepFreeze({ ...options.version }) }),
  };
}

function report(path: string, checks: readonly HealthCheck[], query: ReadonlyMap<string, string>): Answer {
  const results = [{ name: 'ping', missing: undefined }, ...checks.map(({ name, check }) => ({ name, missing: check() }))];
  const failed = results.filter(({ missing }) => missing !== undefined);
  const lines = results.map(({ name, missing }) => (missing === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`));
  if (failed.length > 0) return text(500, `${lines.join('\n')}\n${path} check failed\n`);
  return text(200, query.has('verbose') ? `${lines.join('\n')}\n${path} check passed\n` : 'ok');
}

function text(status: number, body: string): Answer {
  return { is: 'bytes', status, contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(body) };
}
