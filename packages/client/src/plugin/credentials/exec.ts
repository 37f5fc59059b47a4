import path from 'node:path';
import type { Clock, Process } from '@coracle/kernel';
import type { ExecConfig } from '../../rest/config.ts';
import type { RoundTripper } from '../../transport/wire-request.ts';
import {
  type ExecCluster,
  type ExecCredentials,
  execInfo,
  execInfoVariable,
  isExecVersion,
  readExecCredential,
} from './exec-credential.ts';
import { execMetrics, type ExecMetrics } from './exec-metrics.ts';

/** How a program is run: the only way in which credentials plugins touch the machine. */
export interface PluginHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether standard input is a terminal. */
  readonly isTerminal: boolean;
  /** Runs to its end. Standard error is the user's; standard input too when `interactive`. Rejects with Node's error when it cannot be started. */
  run(program: {
    readonly command: string;
    readonly args: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly interactive: boolean;
  }): Promise<{ readonly exitCode: number; readonly stdout: string }>;
  /** The file that a command of that name runs, undefined when there is none. */
  resolve(command: string): string | undefined;
}

/** Which plugins may run (client-go tools/clientcmd/api PluginPolicy). */
export type PluginPolicy =
  | { readonly type: 'AllowAll' }
  | { readonly type: 'DenyAll' }
  | { readonly type: 'Allowlist'; readonly commands: readonly string[] };

/** Throws TypeError for a list that would allow nothing, or by other paths than it says (client-go exec.ValidatePluginPolicy). */
export function validatePluginPolicy(policy: PluginPolicy): void {
  if (policy.type !== 'Allowlist') return;
  if (policy.commands.length === 0)
    throw new TypeError('credential plugin policy set to "Allowlist", but allowlist is empty; use "DenyAll" policy instead');
  for (const [index, command] of policy.commands.entries()) {
    if (command === '') throw new TypeError(`misconfigured credential plugin allowlist: empty allowlist entry #${index + 1}`);
    if (path.normalize(command).replace(/(.)\/$/, '$1') !== command)
      throw new TypeError(`non-normalized file path: "${command}" vs "${path.normalize(command)}"`);
  }
}

const help =
  '\n\nIt looks like you are trying to use a client-go credential plugin that is not installed.' +
  '\n\nTo learn more about this feature, consult the documentation available at:' +
  '\n      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins';

const mostHints = 10;
const hintWindowMs = 3_600_000;

export interface ExecAuthenticatorOptions {
  readonly process: Process;
  readonly config: ExecConfig;
  readonly host: PluginHost;
  /** Told to the plugin when its config asks for it. */
  readonly cluster?: () => ExecCluster;
  readonly policy?: PluginPolicy;
  /** The user can type nothing here, and why: standard input is read already. */
  readonly stdinUnavailable?: string;
  /** Called when another certificate than before is to be used: open connections have the old one. */
  readonly onCertificateChanged?: () => void;
}

/**
 * Credentials from a program, kept until they expire or the server refuses them (client-go plugin/pkg/client/auth/exec Authenticator).
 * At most one program runs at a time; all callers get what it gave. Nothing of it is logged.
 */
export class ExecAuthenticator implements Disposable {
  readonly #options: ExecAuthenticatorOptions;
  readonly #command: string;
  readonly #metrics: ExecMetrics;
  readonly #hints: Occasionally;
  #credentials: ExecCredentials | undefined;
  #running: Promise<ExecCredentials> | undefined;

  /** Throws TypeError for a version that is not supported or a policy that cannot be. */
  constructor(options: ExecAuthenticatorOptions) {
    const { config, policy = { type: 'AllowAll' } } = options;
    if (!isExecVersion(config.apiVersion)) throw new TypeError(`exec plugin: invalid apiVersion "${config.apiVersion}"`);
    validatePluginPolicy(policy);
    this.#options = options;
    this.#command = path.normalize(config.command);
    this.#hints = new Occasionally(options.process.clock);
    this.#metrics = execMetrics(options.process);
  }

  /** Its certificate is used no more, and its end is nobody's matter. */
  [Symbol.dispose](): void {
    this.#metrics.expirations.set(this, undefined);
  }

  /** Good credentials, from the program when there are none. */
  async credentials(): Promise<ExecCredentials> {
    const known = this.#credentials;
    if (known !== undefined && !this.#isExpired(known)) return known;
    return this.#refreshed();
  }

  /** Says that the server refused `used`; runs the program, unless somebody did since. */
  async refresh(used: ExecCredentials): Promise<void> {
    if (this.#credentials === used) await this.#refreshed();
  }

  #isExpired({ expiresAtMs }: ExecCredentials): boolean {
    return expiresAtMs !== undefined && this.#options.process.clock.now() > expiresAtMs;
  }

  #refreshed(): Promise<ExecCredentials> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<ExecCredentials> {
    const { config, host, cluster } = this.#options;
    const interactive = this.#isInteractive();
    const command = this.#commandByPolicy();
    const own = Object.entries(host.environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const environment = {
      ...Object.fromEntries(own),
      ...Object.fromEntries(config.env.map(({ name, value }) => [name, value])),
      [execInfoVariable]: execInfo(config.apiVersion, { interactive, cluster: config.provideClusterInfo ? cluster?.() : undefined }),
    };
    let exitCode: number;
    let stdout: string;
    try {
      ({ exitCode, stdout } = await host.run({ command, args: config.args, environment, interactive }));
    } catch (error) {
      throw this.#notStarted(error);
    }
    if (exitCode !== 0) {
      this.#metrics.calls.add(1, String(exitCode), 'plugin_execution_error');
      throw new Error(`exec: executable ${this.#command} failed with exit code ${exitCode}`);
    }
    this.#metrics.calls.add(1, '0', 'no_error');
    const credentials = readExecCredential(stdout, config.apiVersion);
    const before = this.#credentials;
    this.#credentials = credentials;
    if (
      before !== undefined &&
      (before.clientCertificate !== credentials.clientCertificate || before.clientKey !== credentials.clientKey)
    ) {
      const { validity } = before;
      if (validity !== undefined) this.#metrics.rotationAge.observe((this.#options.process.clock.now() - validity.notBeforeMs) / 1_000);
      this.#options.onCertificateChanged?.();
    }
    this.#metrics.expirations.set(this, credentials.validity?.notAfterMs);
    return credentials;
  }

  #isInteractive(): boolean {
    const { config, host, stdinUnavailable } = this.#options;
    const cannot = (why: string): Error => new Error(`exec plugin cannot support interactive mode: ${why}`);
    switch (config.interactiveMode) {
      case 'Never':
        return false;
      case 'IfAvailable':
        return stdinUnavailable === undefined && host.isTerminal;
      case 'Always':
        if (!host.isTerminal) throw cannot('standard input is not a terminal');
        if (stdinUnavailable !== undefined)
          throw cannot(`standard input is unavailable${stdinUnavailable === '' ? '' : `: ${stdinUnavailable}`}`);
        return true;
      default:
        throw cannot(`unknown interactiveMode: "${String(config.interactiveMode ?? '')}"`);
    }
  }

  #commandByPolicy(): string {
    const { policyCalls } = this.#metrics;
    try {
      const command = this.#allowedCommand();
      policyCalls.add(1, 'allowed');
      return command;
    } catch (error) {
      policyCalls.add(1, 'denied');
      throw error;
    }
  }

  #allowedCommand(): string {
    const { policy = { type: 'AllowAll' }, host } = this.#options;
    switch (policy.type) {
      case 'AllowAll':
        return this.#command;
      case 'DenyAll':
        throw new Error(`plugin "${this.#command}" not allowed: policy set to "DenyAll"`);
      case 'Allowlist': {
        if (policy.commands.includes(this.#command)) return this.#command;
        const resolved = host.resolve(this.#command);
        if (resolved === undefined)
          throw new Error(
            `plugin path "${this.#command}" cannot be resolved for credential plugin allowlist check: executable file not found in $PATH`,
          );
        // The list may name it, or what it names may be the same file.
        const sameName = policy.commands.filter((each) => path.basename(each) === path.basename(resolved));
        if (policy.commands.includes(resolved) || sameName.some((each) => host.resolve(each) === resolved)) return resolved;
        throw new Error(`plugin path "${resolved}" is not permitted by the credential plugin allowlist`);
      }
    }
  }

  #notStarted(error: unknown): Error {
    const isMissing = typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
    if (!isMissing) {
      this.#metrics.calls.add(1, '1', 'client_internal_error');
      return new Error(`exec: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    this.#metrics.calls.add(1, '1', 'plugin_not_found_error');
    const { installHint } = this.#options.config;
    const hint = this.#hints.mayDo() ? `${help}${installHint === undefined ? '' : `\n\n${installHint}`}` : '';
    return new Error(`exec: executable ${this.#command} not found${hint}`, { cause: error });
  }
}

/** The token of the credentials on each request that has no authorization; a 401 makes the next one ask anew. */
export function execRoundTripper(authenticator: ExecAuthenticator, log: Process['log']): RoundTripper {
  const got = async (): Promise<ExecCredentials> => {
    try {
      return await authenticator.credentials();
    } catch (error) {
      throw new Error(`getting credentials: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
  const withToken = <R extends { readonly headers: Readonly<Record<string, string>> }>(request: R, { token }: ExecCredentials): R =>
    token === '' ? request : { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
  return (next) => ({
    async exchange(request, options) {
      if (request.headers['authorization'] !== undefined) return next.exchange(request, options);
      const credentials = await got();
      const response = await next.exchange(withToken(request, credentials), options);
      if (response.status === 401) {
        try {
          await authenticator.refresh(credentials);
        } catch (error) {
          log.error('refreshing credentials', { err: error instanceof Error ? error.message : String(error) });
        }
      }
      return response;
    },
    async upgrade(request, options) {
      return next.upgrade(request.headers['authorization'] === undefined ? withToken(request, await got()) : request, options);
    },
  });
}

/** So often in a while, counted from the first time (client-go exec sometimes). */
class Occasionally {
  readonly #clock: Clock;
  #windowAtMs: number | undefined;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mayDo(): boolean {
    const nowMs = this.#clock.monotonic();
    if (this.#windowAtMs === undefined || nowMs - this.#windowAtMs >= hintWindowMs) {
      this.#windowAtMs = nowMs;
      this.#count = 0;
    }
    return this.#count++ < mostHints;
  }
}

/** More is not read of what a plugin prints. */
const mostOutput = 8 << 20;

/** Runs plugins as processes of this machine. */
export function livePluginHost(): PluginHost {
  const { process } = globalThis;
  return {
    environment: process.env,
    isTerminal: process.stdin.isTTY === true,
    run: ({ command, args, environment, interactive }) =>
      new Promise((resolve, reject) => {
        const child = process
          .getBuiltinModule('node:child_process')
          .spawn(command, args, { env: environment, stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'] });
        const parts: Buffer[] = [];
        let length = 0;
        child.stdout?.on('data', (part: Buffer) => {
          length += part.length;
          if (length > mostOutput) child.kill();
          else parts.push(part);
        });
        child.once('error', reject);
        child.once('close', (code) => resolve({ exitCode: code ?? -1, stdout: Buffer.concat(parts).toString('utf8') }));
      }),
    resolve(command) {
      const fs = process.getBuiltinModule('node:fs');
      const candidates = command.includes(path.sep)
        ? [path.resolve(command)]
        : (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, command));
      return candidates.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true);
    },
  };
}
