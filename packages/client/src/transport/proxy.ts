import type { Host } from '../rest/host.ts';
import { isIP } from './ip-address.ts';

/**
 * The proxy for `target`, or undefined: `proxyUrl` for everything when it is given, else what the environment says by HTTP_PROXY,
 * HTTPS_PROXY and NO_PROXY, upper or lower case (golang.org/x/net/http/httpproxy, which every client of Kubernetes uses). Loopback never
 * goes through a proxy of the environment. Throws TypeError for an address that is none.
 */
export function proxyFor(target: URL, proxyUrl: string | undefined, environment: Host['environment']): URL | undefined {
  if (proxyUrl !== undefined && proxyUrl !== '') return parseProxy(proxyUrl);
  const read = (name: string): string => environment[name] || environment[name.toLowerCase()] || '';
  const isSecure = target.protocol === 'https:';
  const address = isSecure ? read('HTTPS_PROXY') : read('HTTP_PROXY');
  if (address === '') return undefined;
  // In a CGI program anybody may set HTTP_PROXY, by the request header Proxy.
  if (!isSecure && (environment['REQUEST_METHOD'] ?? '') !== '')
    throw new TypeError('refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy');
  const host = target.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = target.port === '' ? (isSecure ? '443' : '80') : target.port;
  if (isLoopback(host) || isExcepted(read('NO_PROXY'), host, port)) return undefined;
  return parseProxy(address);
}

function parseProxy(address: string): URL {
  const full = address.includes('://') ? address : `http://${address}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined) throw new TypeError(`invalid proxy address "${address}"`);
  if (!['http:', 'https:', 'socks5:', 'socks5h:'].includes(url.protocol))
    throw new TypeError(`unsupported proxy scheme "${url.protocol.slice(0, -1)}", must be http, https, or socks5`);
  return url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isExcepted(list: string, host: string, port: string): boolean {
  return list
    .toLowerCase()
    .split(',')
    .map((entry) => entry.trim())
    .some((entry) => entry !== '' && matches(entry, host, port));
}

/** `*`, `10.0.0.0/8`, `10.0.0.1`, `name:port`, `example.com` with what is below it, `.example.com` and `*.example.com` only below. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isWithin(entry, host);
  const { name, port: wantedPort } = splitPort(entry);
  if (wantedPort !== '' && wantedPort !== port) return false;
  if (isIP(name) !== 0) return canonical(name) === canonical(host);
  if (name === '' || isIP(host) !== 0) return false;
  const suffix = name.startsWith('*.') ? name.slice(1) : name;
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function splitPort(entry: string): { readonly name: string; readonly port: string } {
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { name: bracketed[1] ?? '', port: bracketed[2] ?? '' };
  if (isIP(entry) === 6) return { name: entry, port: '' };
  const [name = '', port = ''] = entry.split(':');
  return { name, port };
}

function isWithin(range: string, host: string): boolean {
  const [network = '', length = ''] = range.split('/');
  const [a, b] = [bitsOf(network), bitsOf(host)];
  const prefix = Number(length);
  if (a === undefined || b === undefined || a.length !== b.length || !/^\d+$/.test(length) || prefix > a.length) return false;
  return a.slice(0, prefix) === b.slice(0, prefix);
}

function canonical(address: string): string {
  return bitsOf(address) ?? address;
}

/** An address as a text of zeros and ones; undefined for a name. */
function bitsOf(address: string): string | undefined {
  const bits = (parts: readonly number[], width: number): string => parts.map((part) => part.toString(2).padStart(width, '0')).join('');
  switch (isIP(address)) {
    case 4:
      return bits(address.split('.').map(Number), 8);
    case 6: {
      const [head = '', tail] = address
        .replace(
          /:(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
          (_, a, b, c, d) => `:${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`,
        )
        .split('::');
      const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
      const [first, last] = [groups(head), groups(tail ?? '')];
      return bits(tail === undefined ? first : [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last], 16);
    }
    default:
      return undefined;
  }
}
