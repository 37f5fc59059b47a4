import { type ClientConfig, withoutUndefined } from '../../rest/config.ts';
import { fileFault, type Host } from '../../rest/host.ts';
import {
  type AuthInfo,
  type Cluster,
  type Context,
  emptyAuthInfo,
  emptyCluster,
  emptyContext,
  type Kubeconfig,
  KubeconfigError,
} from './kubeconfig.ts';
import { merged } from './merge.ts';
import { confirmParts, ContextNotFoundError } from './validation.ts';

/** What the user says beside the files, as by flags of a command (client-go tools/clientcmd ConfigOverrides). */
export interface ConfigOverrides {
  readonly currentContext?: string;
  /** `namespace`, or another cluster or user than the context's. */
  readonly context?: Partial<Context>;
  readonly authInfo?: Partial<AuthInfo>;
  readonly cluster?: Partial<Cluster>;
  /** Below what the file says. */
  readonly clusterDefaults?: Partial<Cluster>;
  /** Seconds, or Go's `1m30s`. */
  readonly timeout?: string;
}

/** The extension of a cluster that exec plugins are given. */
const execExtension = 'client.authentication.k8s.io/exec';

/** A namespace, and whether an override named it. */
export interface ChosenNamespace {
  readonly namespace: string;
  readonly isOverridden: boolean;
}

/**
 * One context of a config, with overrides, as the connection that it describes (client-go tools/clientcmd DirectClientConfig). The
 * files that it names are read through `host` when it is used.
 */
export class DirectClientConfig {
  readonly config: Kubeconfig;
  readonly overrides: ConfigOverrides;
  readonly #host: Host;
  readonly #contextName: string;

  /** `contextName` '' is the config's current one. */
  constructor(options: {
    readonly config: Kubeconfig;
    readonly host: Host;
    readonly contextName?: string;
    readonly overrides?: ConfigOverrides;
  }) {
    this.config = options.config;
    this.#host = options.host;
    this.#contextName = options.contextName ?? '';
    this.overrides = options.overrides ?? {};
  }

  /** Throws ConfigurationInvalidError or KubeconfigError. */
  clientConfig(): ClientConfig {
    const user = this.#authInfo();
    const context = this.#context();
    const cluster = this.#cluster();
    this.confirmUsable();
    const timeoutMs =
      this.overrides.timeout === undefined || this.overrides.timeout === '' ? undefined : parseTimeout(this.overrides.timeout);
    const server = withoutQuery(cluster.server);
    const impersonate = user.impersonate === '' ? undefined : impersonationOf(user);
    const connection = withoutUndefined<ClientConfig>({
      server,
      proxyUrl: cluster.proxyUrl || undefined,
      disableCompression: cluster.disableCompression || undefined,
      timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
      impersonate,
      namespace: context.namespace || undefined,
    });
    // Credentials never go over an open connection.
    if (!isTls(server, cluster)) return connection;
    return { ...connection, ...this.#identity(user, cluster), ...serverIdentity(cluster) };
  }

  /** The context's namespace, or `default`. Throws as `clientConfig`. */
  namespace(): ChosenNamespace {
    const overridden = this.overrides.context?.namespace ?? '';
    if (overridden !== '') return { namespace: overridden, isOverridden: true };
    this.confirmUsable();
    const { namespace } = this.#context();
    return { namespace: namespace === '' ? 'default' : namespace, isOverridden: false };
  }

  /** Throws ConfigurationInvalidError for what would not work. */
  confirmUsable(): void {
    const contextName = this.#contextName === '' ? this.config.currentContext : this.#contextName;
    const faults = contextName !== '' && !this.config.contexts.has(contextName) ? [new ContextNotFoundError(contextName)] : [];
    confirmParts(faults, [this.#authInfoName()[0], this.#authInfo()], [this.#clusterName()[0], this.#cluster()], this.#host);
  }

  /** The config with the overrides written into it (client-go MergedRawConfig). */
  mergedConfig(): Kubeconfig {
    this.confirmUsable();
    const [contextName] = this.#chosenContext();
    return {
      ...this.config,
      currentContext: contextName,
      contexts: new Map([...this.config.contexts, [contextName, this.#context()]]),
      clusters: new Map([...this.config.clusters, [this.#clusterName()[0], this.#cluster()]]),
      authInfos: new Map([...this.config.authInfos, [this.#authInfoName()[0], this.#authInfo()]]),
    };
  }

  /** The name, and whether it must exist. */
  #chosenContext(): readonly [string, boolean] {
    const overridden = this.overrides.currentContext ?? '';
    if (overridden !== '') return [overridden, true];
    return [this.#contextName === '' ? this.config.currentContext : this.#contextName, false];
  }

  #authInfoName(): readonly [string, boolean] {
    const overridden = this.overrides.context?.authInfo ?? '';
    return overridden === '' ? [this.#context().authInfo, false] : [overridden, true];
  }

  #clusterName(): readonly [string, boolean] {
    const overridden = this.overrides.context?.cluster ?? '';
    return overridden === '' ? [this.#context().cluster, false] : [overridden, true];
  }

  #context(): Context {
    return merged(existing(this.config.contexts, this.#chosenContext(), 'context', emptyContext), this.overrides.context);
  }

  #authInfo(): AuthInfo {
    const user = merged(existing(this.config.authInfos, this.#authInfoName(), 'auth info', emptyAuthInfo), this.overrides.authInfo);
    const { clientKey = '', clientKeyData = '', clientCertificate = '', clientCertificateData = '' } = this.overrides.authInfo ?? {};
    return {
      ...user,
      // A file from a flag is not hidden by data from the config, nor the other way round.
      ...(clientKey === '' && clientKeyData === '' ? {} : { clientKey, clientKeyData }),
      ...(clientCertificate === '' && clientCertificateData === '' ? {} : { clientCertificate, clientCertificateData }),
    };
  }

  #cluster(): Cluster {
    const { cluster: override = {}, clusterDefaults } = this.overrides;
    const fromFile = existing(this.config.clusters, this.#clusterName(), 'cluster', undefined);
    const cluster = merged(merged(merged(emptyCluster, clusterDefaults), fromFile), override);
    const {
      insecureSkipTlsVerify = false,
      certificateAuthority = '',
      certificateAuthorityData = '',
      tlsServerName = '',
      server = '',
    } = override;
    return {
      ...cluster,
      // An authority and "insecure" exclude each other: the one of the overrides replaces both of the file.
      ...(insecureSkipTlsVerify || certificateAuthority !== '' || certificateAuthorityData !== ''
        ? { insecureSkipTlsVerify, certificateAuthority, certificateAuthorityData }
        : {}),
      ...(tlsServerName !== '' || server !== '' ? { tlsServerName } : {}),
    };
  }

  #identity(user: AuthInfo, cluster: Cluster): Partial<ClientConfig> {
    const { exec } = user;
    const hasCertificate = user.clientCertificate !== '' || user.clientCertificateData !== '';
    return withoutUndefined<Partial<ClientConfig>>({
      token: user.token === '' && user.tokenFile !== '' ? this.#tokenOf(user.tokenFile) : user.token || undefined,
      tokenFile: user.tokenFile || undefined,
      clientCertificate: hasCertificate ? decoded(user.clientCertificateData) : undefined,
      clientCertificateFile: hasCertificate ? user.clientCertificate || undefined : undefined,
      clientKey: hasCertificate ? decoded(user.clientKeyData) : undefined,
      clientKeyFile: hasCertificate ? user.clientKey || undefined : undefined,
      username: user.username || undefined,
      password: user.password || undefined,
      authProvider: user.authProvider,
      exec:
        exec === undefined
          ? undefined
          : {
              ...exec,
              ...(exec.installHint === undefined ? {} : { installHint: cleanEscapeCodes(exec.installHint) }),
              ...(cluster.extensions.has(execExtension) ? { config: cluster.extensions.get(execExtension) } : {}),
            },
    });
  }

  #tokenOf(file: string): string {
    try {
      return this.#host.readFile(file).trim();
    } catch (error) {
      throw new KubeconfigError(fileFault('open', file, error), { cause: error });
    }
  }
}

function existing<T, Fallback extends T | undefined>(
  entries: ReadonlyMap<string, T>,
  [name, isRequired]: readonly [string, boolean],
  what: string,
  fallback: Fallback,
): T | Fallback {
  const entry = entries.get(name);
  if (entry === undefined && isRequired) throw new KubeconfigError(`${what} "${name}" does not exist`);
  return entry ?? fallback;
}

function impersonationOf(user: AuthInfo): NonNullable<ClientConfig['impersonate']> {
  return withoutUndefined<NonNullable<ClientConfig['impersonate']>>({
    userName: user.impersonate,
    uid: user.impersonateUid || undefined,
    groups: user.impersonateGroups.length === 0 ? undefined : user.impersonateGroups,
    extra: Object.keys(user.impersonateUserExtra).length === 0 ? undefined : user.impersonateUserExtra,
  });
}

function serverIdentity(cluster: Cluster): Partial<ClientConfig> {
  return withoutUndefined<Partial<ClientConfig>>({
    certificateAuthority: decoded(cluster.certificateAuthorityData),
    certificateAuthorityFile: cluster.certificateAuthority || undefined,
    insecureSkipTlsVerify: cluster.insecureSkipTlsVerify || undefined,
    tlsServerName: cluster.tlsServerName || undefined,
  });
}

function decoded(base64: string): string | undefined {
  return base64 === '' ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}

/** Without scheme it is https as soon as something of TLS is said (client-go rest.DefaultServerUrlFor). */
function isTls(server: string, cluster: Cluster): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(server)) return /^https:/i.test(server);
  return cluster.certificateAuthority !== '' || cluster.certificateAuthorityData !== '' || cluster.insecureSkipTlsVerify;
}

/** A path is kept, what follows it is not. */
function withoutQuery(server: string): string {
  if (!URL.canParse(server)) return server;
  const url = new URL(server);
  if (url.pathname.length <= 1) return server;
  return `${url.protocol}//${url.host}${url.pathname}`;
}

const unitsMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `30` (seconds) or `1m30s`. Throws KubeconfigError (client-go tools/clientcmd ParseTimeout). */
export function parseTimeout(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (text.length > 0 && /^-?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)];
    const ms = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (unitsMs[unit] ?? 0), 0);
    return text.startsWith('-') ? -ms : ms;
  }
  throw new KubeconfigError(
    'Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)',
  );
}

/** A hint that is shown in a terminal must not move its cursor or clear it: what is no text is written as `U+001B`. */
function cleanEscapeCodes(hint: string): string {
  return hint.replaceAll(
    /[^\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}\t-\r]/gu,
    (char) => `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}
