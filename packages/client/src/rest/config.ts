import type { Process } from '@coracle/kernel';
import { fileFault, type Host } from './host.ts';

/** Whom to act as (client-go rest.ImpersonationConfig). `userName` must be set when another member is. */
export interface ImpersonationConfig {
  readonly userName: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  /** Keys are percent-encoded on the wire. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Whether an exec plugin may ask the user (client-go tools/clientcmd/api ExecInteractiveMode). */
export type InteractiveMode = 'Never' | 'IfAvailable' | 'Always';

/** A program that gives credentials (client-go tools/clientcmd/api ExecConfig). */
export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Beside the environment of this process; the last of a name wins. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Printed when the command is not found. */
  readonly installHint?: string;
  readonly provideClusterInfo: boolean;
  /** Whether the program may use standard input. */
  readonly interactiveMode?: InteractiveMode;
  /** The extension `client.authentication.k8s.io/exec` of the cluster, handed to the program as it is. */
  readonly config?: unknown;
}

/** A built-in way of login, by name: only `oidc` is left (client-go tools/clientcmd/api AuthProviderConfig). */
export interface AuthProviderConfig {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Where a server is, and who asks (client-go rest.Config). PEM texts win over the files that stand beside them; files are read anew
 * when they changed.
 */
export interface ClientConfig {
  /** `https://127.0.0.1:6443`; a path is put before every request's. Without scheme: https when something says TLS, else http. */
  readonly server: string;
  readonly certificateAuthority?: string;
  readonly certificateAuthorityFile?: string;
  readonly clientCertificate?: string;
  readonly clientCertificateFile?: string;
  readonly clientKey?: string;
  readonly clientKeyFile?: string;
  readonly token?: string;
  /** Read anew each minute; what it holds wins over `token`. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly impersonate?: ImpersonationConfig;
  readonly exec?: ExecConfig;
  readonly authProvider?: AuthProviderConfig;
  /** Name to verify the server's certificate against, when the address has another. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** `http://`, `https://` or `socks5://`. Without one the environment decides (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
  readonly proxyUrl?: string;
  /** Answers are asked for as they are, not zipped. */
  readonly disableCompression?: boolean;
  /** Of each request that is no watch; also told to the server. */
  readonly timeoutMs?: number;
  readonly userAgent?: string;
  /** Of the context that the config was read from. */
  readonly namespace?: string;
}

/** This process is not in a pod (client-go rest.ErrNotInCluster). */
export class NotInClusterError extends Error {
  override readonly name = 'NotInClusterError';
  constructor() {
    super('unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined');
  }
}

export const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The connection of a pod with its service account (client-go rest.InClusterConfig). Throws NotInClusterError outside of one, and Error
 * when the token cannot be read. Without a certificate authority the system's are trusted, which is logged.
 */
export function inClusterConfig(host: Host, log?: Process['log']): ClientConfig {
  const address = host.environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = host.environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (address === '' || port === '') throw new NotInClusterError();
  const tokenFile = `${serviceAccountFolder}/token`;
  let token: string;
  try {
    token = host.readFile(tokenFile);
  } catch (error) {
    throw new Error(fileFault('open', tokenFile, error), { cause: error });
  }
  const authorityFile = `${serviceAccountFolder}/ca.crt`;
  const fault = authorityFault(host, authorityFile);
  if (fault !== undefined) log?.error(`Expected to load root CA config from ${authorityFile}, but got err: ${fault}`);
  return {
    server: `https://${address.includes(':') ? `[${address}]` : address}:${port}`,
    ...(fault === undefined ? { certificateAuthorityFile: authorityFile } : {}),
    token,
    tokenFile,
  };
}

function authorityFault(host: Host, file: string): string | undefined {
  try {
    return host.readFile(file).includes('-----BEGIN CERTIFICATE-----')
      ? undefined
      : `data does not contain any valid RSA or ECDSA certificates`;
  } catch (error) {
    return fileFault('open', file, error);
  }
}

/** The config with the texts of its PEM files instead of their names (client-go rest.LoadTLSFiles). Throws Error for one that cannot be read. */
export function withTlsFiles(config: ClientConfig, host: Host): ClientConfig {
  const { certificateAuthorityFile, clientCertificateFile, clientKeyFile, ...others } = config;
  return withoutUndefined<ClientConfig>({
    ...others,
    certificateAuthority: textOrFile(others.certificateAuthority, certificateAuthorityFile, host),
    clientCertificate: textOrFile(others.clientCertificate, clientCertificateFile, host),
    clientKey: textOrFile(others.clientKey, clientKeyFile, host),
  });
}

/** `text` where there is one, else what `file` holds now. */
export function textOrFile(text: string | undefined, file: string | undefined, host: Host): string | undefined {
  if (text !== undefined || file === undefined) return text;
  try {
    return host.readFile(file);
  } catch (error) {
    throw new Error(fileFault('open', file, error), { cause: error });
  }
}

/** `command/version (os/arch) kubernetes/commit`, as every client of Kubernetes names itself (client-go rest.DefaultKubernetesUserAgent). */
export function kubernetesUserAgent(parts: {
  readonly command: string;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly commit: string;
}): string {
  const command = parts.command.split(/[/\\]/).at(-1) ?? '';
  const version = parts.version.split('-', 1)[0] ?? '';
  const orUnknown = (text: string): string => (text === '' ? 'unknown' : text);
  return `${orUnknown(command)}/${orUnknown(version)} (${parts.os}/${parts.arch}) kubernetes/${orUnknown(parts.commit.slice(0, 7))}`;
}

/** The same way to the server, and nobody who asks (client-go rest.AnonymousClientConfig). */
export function anonymousConfig(config: ClientConfig): ClientConfig {
  const {
    server,
    certificateAuthority,
    certificateAuthorityFile,
    tlsServerName,
    insecureSkipTlsVerify,
    proxyUrl,
    disableCompression,
    timeoutMs,
    userAgent,
  } = config;
  return withoutUndefined<ClientConfig>({
    server,
    certificateAuthority,
    certificateAuthorityFile,
    tlsServerName,
    insecureSkipTlsVerify,
    proxyUrl,
    disableCompression,
    timeoutMs,
    userAgent,
  });
}

/** The config as text for logs: credentials are dashes (client-go rest.Config.String). */
export function describeConfig(config: ClientConfig): string {
  const hidden: ReadonlySet<string> = new Set(['password', 'token', 'clientKey', 'clientCertificate', 'authProvider']);
  const shown = Object.entries(config).map(([name, value]) => {
    if (name === 'exec' && config.exec !== undefined)
      return [
        name,
        {
          ...config.exec,
          args: config.exec.args.length === 0 ? [] : '--- REDACTED ---',
          env: config.exec.env.length === 0 ? [] : '--- REDACTED ---',
          config: undefined,
        },
      ];
    return [name, hidden.has(name) && value !== undefined && value !== '' ? '--- REDACTED ---' : value];
  });
  return JSON.stringify(Object.fromEntries(shown));
}

/** Under exactOptionalPropertyTypes an absent member is left out. */
export function withoutUndefined<T extends object>(members: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T; // what was undefined is optional in T
}
