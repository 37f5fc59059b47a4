import { getOwn } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { AuthProviderConfig, ClientConfig } from '../../rest/config.ts';
import { changingRequests, type RoundTripper } from '../../transport/wire-request.ts';

/** A token is asked for anew when it has less than this left. */
const expiryDeltaMs = 10_000;

export interface OidcOptions {
  readonly process: Process;
  readonly config: AuthProviderConfig['config'];
  /** Sends one request to the issuer, whose certificate is checked as `config` says. */
  readonly send: (request: IssuerRequest, config: ClientConfig) => Promise<{ readonly status: number; readonly text: string }>;
  /** Keeps new tokens, so that the next program starts with them. */
  readonly persist: (config: AuthProviderConfig['config']) => void;
}

/** One request to the issuer of tokens. */
export interface IssuerRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** `application/x-www-form-urlencoded` */
  readonly form?: string;
  readonly authorization?: string;
}

/**
 * ID tokens of OpenID Connect, refreshed when they expire (client-go plugin/pkg/client/auth/oidc). The browser is not opened: a
 * refresh token must be there. Callers at the same time share one refresh.
 */
export class OidcAuthProvider {
  readonly #options: OidcOptions;
  #config: AuthProviderConfig['config'];
  #refreshing: Promise<string> | undefined;

  /** Throws TypeError when the issuer or the client's id is missing. */
  constructor(options: OidcOptions) {
    for (const name of ['idp-issuer-url', 'client-id'])
      if ((getOwn(options.config, name) ?? '') === '') throw new TypeError(`Must provide ${name}`);
    this.#options = options;
    this.#config = options.config;
  }

  async idToken(): Promise<string> {
    const token = this.#read('id-token');
    if (token !== '' && isGood(token, this.#options.process.clock.now())) return token;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  #read(name: string): string {
    return getOwn(this.#config, name) ?? '';
  }

  async #refresh(): Promise<string> {
    const refreshToken = this.#read('refresh-token');
    if (refreshToken === '') throw new Error('No valid id-token, and cannot refresh without refresh-token');
    const endpoint = await this.#tokenEndpoint();
    const answer = await this.#askForToken(endpoint, refreshToken);
    const idToken = answer['id_token'];
    if (typeof idToken !== 'string') {
      throw new Error(
        `token response did not contain an id_token, either the scope "openid" wasn't requested upon login, or the provider doesn't support id_tokens as part of the refresh response`,
      );
    }
    const renewed = answer['refresh_token'];
    const config = {
      ...this.#config,
      'id-token': idToken,
      ...(typeof renewed === 'string' && renewed !== '' ? { 'refresh-token': renewed } : {}),
    };
    try {
      this.#options.persist(config);
    } catch (error) {
      throw new Error(`could not persist new tokens: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    this.#config = config;
    return idToken;
  }

  async #tokenEndpoint(): Promise<URL> {
    const url = new URL(`${this.#read('idp-issuer-url').replace(/\/$/, '')}/.well-known/openid-configuration`);
    const { status, text } = await this.#send({ method: 'GET', url });
    if (status !== 200)
      throw new Error(`oidc: failed to query metadata endpoint ${status}: "${text.length > 80 ? `${text.slice(0, 80)}...` : text}"`);
    let endpoint: unknown;
    try {
      endpoint = (JSON.parse(text) as { readonly token_endpoint?: unknown } | null)?.token_endpoint;
    } catch (error) {
      throw new Error(`oidc: failed to decode provider discovery object: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) throw new Error("oidc: discovery object doesn't contain a token_endpoint");
    return new URL(endpoint);
  }

  /** The client's secret goes in a header; a provider that wants it in the form refuses, and gets it so. */
  async #askForToken(url: URL, refreshToken: string): Promise<Readonly<Record<string, unknown>>> {
    const [id, secret] = [this.#read('client-id'), this.#read('client-secret')];
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
    const authorization = `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
    let { status, text } = await this.#send({ method: 'POST', url, form: new URLSearchParams(form).toString(), authorization });
    if (status >= 400 && status < 500) {
      const withClient = { ...form, client_id: id, ...(secret === '' ? {} : { client_secret: secret }) };
      ({ status, text } = await this.#send({ method: 'POST', url, form: new URLSearchParams(withClient).toString() }));
    }
    if (status < 200 || status > 299) throw new Error(`failed to refresh token: oauth2: cannot fetch token: ${status}`);
    try {
      const answer: unknown = JSON.parse(text);
      if (typeof answer === 'object' && answer !== null) return answer as Readonly<Record<string, unknown>>;
    } catch {
      // what came holds tokens: it is not quoted
    }
    throw new Error('failed to refresh token: oauth2: cannot parse json');
  }

  #send(request: IssuerRequest): Promise<{ readonly status: number; readonly text: string }> {
    const [file, data] = [this.#read('idp-certificate-authority'), this.#read('idp-certificate-authority-data')];
    const trust =
      data !== ''
        ? { certificateAuthority: Buffer.from(data, 'base64').toString('utf8') }
        : file !== ''
          ? { certificateAuthorityFile: file }
          : {};
    return this.#options.send(request, { server: request.url.origin, ...trust });
  }
}

/** Puts the ID token on each request that has no authorization. */
export function oidcRoundTripper(provider: OidcAuthProvider): RoundTripper {
  return changingRequests(async (request) => {
    if (request.headers['authorization'] !== undefined) return request;
    return { ...request, headers: { ...request.headers, authorization: `Bearer ${await provider.idToken()}` } };
  });
}

function isGood(token: string, nowMs: number): boolean {
  const parts = token.split('.');
  if (parts.length !== 3) throw new Error('ID Token is not a valid JWT');
  let expires: unknown;
  try {
    expires = (JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as { readonly exp?: unknown } | null)?.exp;
  } catch {
    throw new Error('parsing claims: the payload of the ID Token is not JSON'); // its text is a secret
  }
  if (expires !== undefined && typeof expires !== 'number') throw new Error('parsing claims: exp is no number');
  return nowMs + expiryDeltaMs < Math.trunc(expires ?? 0) * 1_000;
}
