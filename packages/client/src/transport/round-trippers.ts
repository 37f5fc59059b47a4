import type { Clock } from '@coracle/kernel';
import type { ImpersonationConfig } from '../rest/config.ts';
import { changingRequests, type RoundTripper, type WireRequest } from './wire-request.ts';

function withHeader(request: WireRequest, name: string, value: string): WireRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

/** Names the caller, unless the request does (client-go transport.NewUserAgentRoundTripper). */
export function userAgentRoundTripper(agent: string): RoundTripper {
  return changingRequests((request) => (request.headers['user-agent'] === undefined ? withHeader(request, 'user-agent', agent) : request));
}

/** Name and password, unless the request has an authorization of its own (client-go transport.NewBasicAuthRoundTripper). */
export function basicAuthRoundTripper(username: string, password: string): RoundTripper {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return changingRequests((request) =>
    request.headers['authorization'] === undefined ? withHeader(request, 'authorization', authorization) : request,
  );
}

/** A bearer token; that of `source` where it has one, else `token` (client-go transport.NewBearerAuthWithRefreshRoundTripper). */
export function bearerAuthRoundTripper(token: string, source?: { token(): Promise<string> }): RoundTripper {
  return changingRequests(async (request) => {
    if (request.headers['authorization'] !== undefined) return request;
    return withHeader(request, 'authorization', `Bearer ${await currentToken(token, source)}`);
  });
}

async function currentToken(token: string, source: { token(): Promise<string> } | undefined): Promise<string> {
  if (source === undefined) return token;
  try {
    return await source.token();
  } catch (error) {
    // With no token at all the file's fault is what the user must see.
    if (token === '') throw error;
    return token;
  }
}

/** A token that can be asked for again: `resetOlderThan` forgets one that was got before. */
export interface ResettableTokenSource {
  token(): Promise<string>;
  resetOlderThan(atMs: number): void;
}

/**
 * The token of `source`, unless the request has an authorization of its own (client-go transport.ResettableTokenSourceWrapTransport). After
 * 401 a token that was known before the request is asked for anew by the next one; that answer stays what it is.
 */
export function tokenSourceRoundTripper(source: ResettableTokenSource, clock: Pick<Clock, 'now'>): RoundTripper {
  const withToken = changingRequests(async (request) => withHeader(request, 'authorization', `Bearer ${await source.token()}`));
  return (next) => {
    const behind = withToken(next);
    return {
      async exchange(request, options) {
        if (request.headers['authorization'] !== undefined) return next.exchange(request, options);
        const atMs = clock.now();
        const response = await behind.exchange(request, options);
        if (response.status === 401) source.resetOlderThan(atMs);
        return response;
      },
      upgrade: (request, options) => (request.headers['authorization'] === undefined ? behind : next).upgrade(request, options),
    };
  };
}

/**
 * Acts as somebody else, unless the request does already (client-go transport.NewImpersonatingRoundTripper). Each group, and each value
 * of an extra, is a header line of its own.
 */
export function impersonationRoundTripper({ userName, uid, groups, extra }: ImpersonationConfig): RoundTripper {
  return changingRequests((request) => {
    if (request.headers['impersonate-user'] !== undefined) return request;
    const extras = Object.entries(extra ?? {}).map(([key, values]): [string, readonly string[]] => [
      `impersonate-extra-${escapeHeaderKey(key)}`,
      values,
    ]);
    return {
      ...request,
      headers: { ...request.headers, 'impersonate-user': userName, ...(uid === undefined || uid === '' ? {} : { 'impersonate-uid': uid }) },
      repeatedHeaders: {
        ...request.repeatedHeaders,
        ...(groups === undefined || groups.length === 0 ? {} : { 'impersonate-group': groups }),
        ...Object.fromEntries(extras),
      },
    };
  });
}

/** Who a front proxy says the caller is (client-go transport.NewAuthProxyRoundTripper); what the request said of it is dropped. */
export function authProxyRoundTripper({ userName, uid, groups, extra }: ImpersonationConfig): RoundTripper {
  return changingRequests((request) => {
    const kept = Object.entries(request.headers).filter(([name]) => !/^x-remote-(user|uid|group|extra-.*)$/.test(name));
    const extras = Object.entries(extra ?? {}).map(([key, values]): [string, readonly string[]] => [
      `x-remote-extra-${escapeHeaderKey(key)}`,
      values,
    ]);
    return {
      ...request,
      headers: {
        ...Object.fromEntries(kept),
        'x-remote-user': userName,
        ...(uid === undefined || uid === '' ? {} : { 'x-remote-uid': uid }),
      },
      repeatedHeaders: {
        ...request.repeatedHeaders,
        ...(groups === undefined || groups.length === 0 ? {} : { 'x-remote-group': groups }),
        ...Object.fromEntries(extras),
      },
    };
  });
}

const legalHeaderBytes: ReadonlySet<string> = new Set("!#$&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

/** Percent-encodes what a header's name cannot hold, and `%` itself (client-go transport.headerKeyEscape). */
export function escapeHeaderKey(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return byte < 0x80 && legalHeaderBytes.has(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** A header's value as it may stand in a log (client-go transport.maskValue). */
export function maskedHeader(name: string, value: string): string {
  if (!/^authorization$/i.test(name) || value === '') return value;
  const [scheme = '', ...rest] = value.split(' ');
  const known = /^(basic|bearer|negotiate)$/i.test(scheme);
  if (!known) return '<masked>';
  return rest.length === 0 ? scheme : `${scheme} <masked>`;
}
