import { readJson } from '@coracle/apimachinery';
import { type ClientConfig, withoutUndefined } from '../../rest/config.ts';

/** The variable in which a plugin finds what it is asked for. */
export const execInfoVariable = 'KUBERNETES_EXEC_INFO';

const group = 'client.authentication.k8s.io';
const versions: ReadonlySet<string> = new Set([`${group}/v1`, `${group}/v1beta1`]);

/** The cluster as plugins are told of it (client.authentication.k8s.io Cluster), in the wire's spelling. */
export interface ExecCluster {
  readonly server: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  /** Base64 of PEM. */
  readonly 'certificate-authority-data'?: string;
  readonly 'proxy-url'?: string;
  readonly 'disable-compression'?: boolean;
  readonly config?: unknown;
}

/** Of a certificate, in milliseconds since the epoch. */
export interface CertificateValidity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a plugin gave. */
export interface ExecCredentials {
  readonly token: string;
  /** PEM; both or none. */
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** When the certificate begins and ends, in milliseconds since the epoch; undefined without one. */
  readonly validity: CertificateValidity | undefined;
  /** When it must be asked again, in milliseconds since the epoch; undefined for never. */
  readonly expiresAtMs: number | undefined;
}

export function isExecVersion(apiVersion: string): boolean {
  return versions.has(apiVersion);
}

/** The cluster of a connection, for a plugin (client-go rest.ConfigToExecCluster). `certificateAuthority` is the text of the file, if it is one. */
export function execClusterOf(config: ClientConfig, certificateAuthority: string | undefined): ExecCluster {
  return withoutUndefined<ExecCluster>({
    server: config.server,
    'tls-server-name': config.tlsServerName,
    'insecure-skip-tls-verify': config.insecureSkipTlsVerify,
    'certificate-authority-data': certificateAuthority === undefined ? undefined : Buffer.from(certificateAuthority).toString('base64'),
    'proxy-url': config.proxyUrl,
    'disable-compression': config.disableCompression,
    config: config.exec?.config,
  });
}

/** The way back, for programs that are plugins themselves: a connection without credentials (client-go rest.ExecClusterToConfig). */
export function configOfExecCluster(cluster: ExecCluster): ClientConfig {
  const authority = cluster['certificate-authority-data'];
  return withoutUndefined<ClientConfig>({
    server: cluster.server,
    tlsServerName: cluster['tls-server-name'],
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'],
    certificateAuthority: authority === undefined ? undefined : Buffer.from(authority, 'base64').toString('utf8'),
    proxyUrl: cluster['proxy-url'],
    disableCompression: cluster['disable-compression'],
  });
}

/** What KUBERNETES_EXEC_INFO holds. */
export function execInfo(apiVersion: string, spec: { readonly interactive: boolean; readonly cluster: ExecCluster | undefined }): string {
  return JSON.stringify({
    kind: 'ExecCredential',
    apiVersion,
    spec: { ...(spec.cluster === undefined ? {} : { cluster: spec.cluster }), interactive: spec.interactive },
  });
}

/** For a program that is a plugin: the request, and the connection to the cluster that asks (client-go tools/auth/exec LoadExecCredential). */
export function loadExecCredential(text: string): { readonly credential: object; readonly config: ClientConfig } {
  const credential = decoded(text, 'decode');
  const [apiVersion, kind] = [nameOf(credential['apiVersion']), nameOf(credential['kind'])];
  if (kind !== 'ExecCredential' || !versions.has(apiVersion)) {
    const found = apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '';
    throw new Error(`invalid group/kind: wanted ExecCredential.${group}, got ${kind}${found === '' ? '' : `.${found}`}`);
  }
  const { spec } = credential;
  const cluster = typeof spec === 'object' && spec !== null && 'cluster' in spec ? spec.cluster : undefined;
  if (typeof cluster !== 'object' || cluster === null || !('server' in cluster) || typeof cluster.server !== 'string') {
    throw new Error('ExecCredential does not contain cluster information');
  }
  const data = 'certificate-authority-data' in cluster ? cluster['certificate-authority-data'] : undefined;
  if (data !== undefined && (typeof data !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(data)))
    throw new Error('decode: certificate-authority-data is not base64');
  return { credential, config: configOfExecCluster(cluster as ExecCluster) };
}

/** Reads what a plugin printed. Throws Error in upstream's words; the text itself is a secret and is never in them. */
export function readExecCredential(stdout: string, apiVersion: string): ExecCredentials {
  const credential = decoded(stdout, 'decoding stdout');
  const found = nameOf(credential['apiVersion']);
  if (credential['kind'] !== 'ExecCredential')
    throw new Error(`decoding stdout: Object 'Kind' is ${credential['kind'] === undefined ? 'missing' : 'not ExecCredential'}`);
  if (found !== apiVersion) throw new Error(`exec plugin is configured to use API version ${apiVersion}, plugin returned version ${found}`);
  const { status } = credential;
  if (typeof status !== 'object' || status === null) throw new Error("exec plugin didn't return a status field");
  const text = (name: string): string => {
    const value = name in status ? (status as Readonly<Record<string, unknown>>)[name] : undefined;
    if (value === undefined || value === null) return '';
    if (typeof value !== 'string') throw new Error(`decoding stdout: status.${name} must be a string`);
    return value;
  };
  const [token, clientCertificate, clientKey, expires] = [
    text('token'),
    text('clientCertificateData'),
    text('clientKeyData'),
    text('expirationTimestamp'),
  ];
  if (token === '' && clientCertificate === '' && clientKey === '') throw new Error("exec plugin didn't return a token or cert/key pair");
  if ((clientCertificate === '') !== (clientKey === '')) throw new Error('exec plugin returned only certificate or key, not both');
  const expiresAtMs = expires === '' ? undefined : Date.parse(expires);
  if (expiresAtMs !== undefined && Number.isNaN(expiresAtMs))
    throw new Error(`decoding stdout: status.expirationTimestamp "${expires}" is no time`);
  const validity = clientCertificate === '' ? undefined : validityOfPair(clientCertificate, clientKey);
  return { token, clientCertificate, clientKey, validity, expiresAtMs };
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Throws Error for what is no certificate with its key. */
function validityOfPair(cert: string, key: string): CertificateValidity {
  try {
    globalThis.process.getBuiltinModule('node:tls').createSecureContext({ cert, key });
    const { X509Certificate } = globalThis.process.getBuiltinModule('node:crypto');
    const { validFrom, validTo } = new X509Certificate(cert); // the first of several is the client's
    return { notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo) };
  } catch (error) {
    // OpenSSL names no bytes of what it could not read.
    throw new Error(`failed parsing client key/certificate: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function decoded(text: string, doing: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    ({ value } = readJson(new TextEncoder().encode(text)));
  } catch {
    throw new Error(`${doing}: it is not JSON`); // a parser would quote what it met
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${doing}: it is no object`);
  return value as Readonly<Record<string, unknown>>;
}
