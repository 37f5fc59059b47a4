import type { Process } from '@coracle/kernel';
import { ExecAuthenticator, execRoundTripper, livePluginHost, type PluginHost, type PluginPolicy } from '../plugin/credentials/exec.ts';
import { execClusterOf } from '../plugin/credentials/exec-credential.ts';
import { type IssuerRequest, OidcAuthProvider, oidcRoundTripper } from '../plugin/credentials/oidc.ts';
import { type AuthProviderConfig, type ClientConfig, textOrFile } from '../rest/config.ts';
import { type Host, liveHost } from '../rest/host.ts';
import { type ClosableTransport, type ConnectionOptions, HttpConnections, wrapped } from './http.ts';
import { basicAuthRoundTripper, bearerAuthRoundTripper, impersonationRoundTripper, userAgentRoundTripper } from './round-trippers.ts';
import { fileTokenSource } from './token-source.ts';
import type { RoundTripper } from './wire-request.ts';

/** What `httpTransport` takes: a connection, and who logs in. */
export interface HttpTransportOptions extends Omit<ConnectionOptions, 'certificate'> {
  /** Runs exec plugins. Default: processes of this machine. */
  readonly plugins?: PluginHost;
  readonly pluginPolicy?: PluginPolicy;
  /** Sees each request last, with its credentials, and its answer first (client-go rest.Config WrapTransport). */
  readonly wrap?: RoundTripper;
  /** Keeps refreshed tokens of an auth provider. Default: they are kept in memory only. */
  readonly persistAuthProvider?: (config: AuthProviderConfig['config']) => void;
}

/**
 * The way to an API server over HTTP/2 or HTTP/1.1, through proxies, with the credentials of `config` (client-go rest.TransportFor).
 * Nothing is opened or run before the first request. Throws TypeError for a config that contradicts itself.
 */
export function httpTransport(options: HttpTransportOptions): ClosableTransport {
  const { process, config, host = liveHost() } = options;
  const { userAgent, impersonate, username = '', password = '', token = '', tokenFile = '' } = config;
  const hasBasic = username !== '' || password !== '';
  const hasToken = token !== '' || tokenFile !== '';
  if (hasBasic && hasToken) throw new TypeError('username/password or bearer token may be set, but not both');
  if (config.exec !== undefined && config.authProvider !== undefined)
    throw new TypeError('execProvider and authProvider cannot be used in combination');
  const hasCertificate = config.clientCertificate !== undefined || config.clientCertificateFile !== undefined;
  if (hasCertificate && config.clientKey === undefined && config.clientKeyFile === undefined)
    throw new TypeError('a client certificate needs its key');
  if (impersonate !== undefined && impersonate.userName === '')
    throw new TypeError('requesting uid, groups or user-extra without impersonating a user');

  // What logs in by itself is not asked for by a program.
  const authenticator =
    config.exec === undefined || hasBasic || hasToken || hasCertificate
      ? undefined
      : execAuthenticator(options, host, () => connections.reconnect());
  const connections: HttpConnections = new HttpConnections({
    ...options,
    host,
    ...(authenticator === undefined
      ? {}
      : {
          certificate: async () => {
            const { clientCertificate, clientKey } = await authenticator.credentials();
            return clientCertificate === '' ? {} : { clientCertificate, clientKey };
          },
        }),
  });
  const roundTrippers: RoundTripper[] = options.wrap === undefined ? [] : [options.wrap];
  if (authenticator !== undefined) roundTrippers.push(execRoundTripper(authenticator, process.log));
  if (config.authProvider !== undefined) roundTrippers.push(authProviderRoundTripper(config.authProvider, options));
  if (hasBasic) roundTrippers.push(basicAuthRoundTripper(username, password));
  if (hasToken) roundTrippers.push(bearerAuthRoundTripper(token, tokenFile === '' ? undefined : fileTokenSource(process, host, tokenFile)));
  if (userAgent !== undefined && userAgent !== '') roundTrippers.push(userAgentRoundTripper(userAgent));
  if (impersonate !== undefined) roundTrippers.push(impersonationRoundTripper(impersonate));
  const transport = wrapped(connections, roundTrippers);
  if (authenticator === undefined) return transport;
  const close = (): Promise<void> => {
    authenticator[Symbol.dispose]();
    return transport.close();
  };
  return { ...transport, close, [Symbol.asyncDispose]: close };
}

function execAuthenticator(options: HttpTransportOptions, host: Host, onCertificateChanged: () => void): ExecAuthenticator {
  const { process, config, plugins = livePluginHost(), pluginPolicy } = options;
  if (config.exec === undefined) throw new TypeError('there is no exec plugin');
  return new ExecAuthenticator({
    process,
    config: config.exec,
    host: plugins,
    cluster: () => execClusterOf(config, textOrFile(config.certificateAuthority, config.certificateAuthorityFile, host)),
    ...(pluginPolicy === undefined ? {} : { policy: pluginPolicy }),
    onCertificateChanged,
  });
}

function authProviderRoundTripper({ name, config }: AuthProviderConfig, options: HttpTransportOptions): RoundTripper {
  if (name !== 'oidc') throw new TypeError(noAuthProvider(name));
  const { process, host, persistAuthProvider = () => undefined } = options;
  const send = (request: IssuerRequest, issuer: ClientConfig): Promise<{ readonly status: number; readonly text: string }> =>
    sendToIssuer({ process, ...(host === undefined ? {} : { host }) }, request, issuer);
  return oidcRoundTripper(new OidcAuthProvider({ process, config, send, persist: persistAuthProvider }));
}

/** Those of the clouds were replaced by exec plugins: the words say which. */
function noAuthProvider(name: string): string {
  if (name !== 'gcp' && name !== 'azure') return `no Auth Provider found for name "${name}"`;
  const plugin = name === 'gcp' ? 'gke-gcloud-auth-plugin' : 'https://github.com/Azure/kubelogin';
  return `the ${name} auth plugin has been removed; use the "${plugin}" kubectl/client-go credential plugin instead`;
}

async function sendToIssuer(
  of: { readonly process: Process; readonly host?: Host },
  request: IssuerRequest,
  config: ClientConfig,
): Promise<{ readonly status: number; readonly text: string }> {
  await using connections = new HttpConnections({ ...of, config });
  const contentType = 'application/x-www-form-urlencoded';
  const response = await connections.exchange({
    method: request.method,
    path: request.url.pathname,
    query: [...request.url.searchParams],
    headers: { accept: 'application/json', ...(request.authorization === undefined ? {} : { authorization: request.authorization }) },
    ...(request.form === undefined ? {} : { body: { form: 'bytes', contentType, bytes: new TextEncoder().encode(request.form) } }),
  });
  if (!('body' in response) || response.body.form !== 'bytes') throw new TypeError('the answer of the issuer is no text');
  return { status: response.status, text: new TextDecoder().decode(response.body.bytes) };
}
