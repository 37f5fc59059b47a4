import type { HttpAnswer, HttpRequest } from '../transport/http-server.ts';

/** A check of health: throws, or rejects, with what is wrong (pkg/healthz Checker). */
export type HealthCheck = () => void | Promise<void>;

const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

/** The checks of one endpoint, such as `/healthz`, and what it answers (pkg/healthz Handler). */
export class HealthEndpoint {
  readonly path: string;
  readonly #checks = new Map<string, HealthCheck>();
  readonly #onFailure: (check: string, error: unknown) => void;

  /** `onFailure` is told why a check failed: whoever asks is not. */
  constructor(path: string, onFailure: (check: string, error: unknown) => void) {
    this.path = path;
    this.#onFailure = onFailure;
  }

  /** Throws RangeError for a name that is taken, and for one that is no segment of a path. */
  add(name: string, check: HealthCheck): void {
    if (name === '' || name.includes('/')) throw new RangeError(`Cannot name a check "${name}"`);
    if (this.#checks.has(name)) throw new RangeError(`Cannot add check "${name}" to ${this.path}: there is one of that name`);
    this.#checks.set(name, check);
  }

  /** Undefined for what is not below the path. `/healthz/NAME` asks one check; `?exclude=NAME` leaves one out, `?verbose` lists them. */
  async answer(request: HttpRequest): Promise<HttpAnswer | undefined> {
    const { pathname, searchParams } = request.url;
    if (pathname !== this.path && !pathname.startsWith(`${this.path}/`)) return undefined;
    const name = pathname
      .slice(this.path.length)
      .split('/')
      .filter((segment) => segment !== '')
      .join('/');
    if (name === '') return this.#all(searchParams.getAll('exclude'), searchParams.has('verbose'));
    const check = this.#checks.get(name) ?? (this.#checks.size === 0 && name === 'ping' ? () => undefined : undefined);
    if (check === undefined) return { status: 404, headers, body: '404 page not found\n' };
    try {
      await check();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { status: 500, headers, body: `internal server error: ${text}\n` };
    }
    return { status: 200, headers, body: 'ok' };
  }

  async #all(exclude: readonly string[], isVerbose: boolean): Promise<HttpAnswer> {
    const checks = this.#checks.size === 0 ? new Map<string, HealthCheck>([['ping', () => undefined]]) : this.#checks;
    const names = [...checks.keys()].sort();
    const lines: string[] = [];
    let hasFailed = false;
    for (const name of names) {
      if (exclude.includes(name)) {
        lines.push(`[+]${name} excluded: ok\n`);
        continue;
      }
      try {
        await checks.get(name)?.();
        lines.push(`[+]${name} ok\n`);
      } catch (error) {
        hasFailed = true;
        this.#onFailure(name, error);
        lines.push(`[-]${name} failed: reason withheld\n`);
      }
    }
    if (!hasFailed && !isVerbose) return { status: 200, headers, body: 'ok' };
    const unknown = exclude.filter((name) => !checks.has(name)).map((name) => `"${name}"`);
    if (unknown.length > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.join(',')}\n`);
    lines.push(hasFailed ? 'healthz check failed\n' : 'healthz check passed\n');
    return { status: hasFailed ? 500 : 200, headers, body: lines.join('') };
  }
}
