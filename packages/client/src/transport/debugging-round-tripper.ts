import type { ApiResponse, WireHeaders } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { headersOf, queryOf } from './http2.ts';
import { maskedHeader } from './round-trippers.ts';
import type { RoundTripper, WireRequest } from './wire-request.ts';

/**
 * How much of each request is logged, as kubectl's `-v`: its line and how long the answer took (6), the headers of the request (7),
 * those of the answer as well (8), a command for curl besides (9). Bodies never are: they hold secrets.
 */
export type RequestDetail = 'timing' | 'headers' | 'all-headers' | 'curl';

const order: readonly RequestDetail[] = ['timing', 'headers', 'all-headers', 'curl'];

/**
 * Logs each request and what became of it, at level debug (client-go transport.NewDebuggingRoundTripper). What an authorization holds is
 * masked, and of cookies everything. `server` stands before paths in commands for curl. As the `wrap` of `httpTransport` it sees what the
 * credentials added; around any transport, one in process too, what a client asked for.
 */
export function debuggingRoundTripper(
  { log, clock }: Pick<Process, 'log' | 'clock'>,
  { detail = 'timing', server = '' }: { readonly detail?: RequestDetail; readonly server?: string } = {},
): RoundTripper {
  const has = (least: RequestDetail): boolean => order.indexOf(detail) >= order.indexOf(least);
  const told = async <A>(request: WireRequest, answerOf: (answer: A) => object, send: () => Promise<A>): Promise<A> => {
    const path = request.path + queryOf(request);
    const { method } = request;
    if (has('curl')) log.debug('curl', { command: curlCommand(request, `${server}${path}`) });
    else if (has('headers')) log.debug('Request', { method, path, headers: maskedHeaders(headersOf(request)) });
    const startedMs = clock.monotonic();
    const milliseconds = (): number => Math.round(clock.monotonic() - startedMs);
    try {
      const answer = await send();
      log.debug('Response', { method, path, milliseconds: milliseconds(), ...answerOf(answer) });
      return answer;
    } catch (error) {
      log.debug('No response', {
        method,
        path,
        milliseconds: milliseconds(),
        error: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  };
  const answered = ({ status, headers }: ApiResponse): object => ({
    status,
    ...(has('all-headers') ? { headers: maskedHeaders(headers) } : {}),
  });
  return (next) => ({
    exchange: (request, options) => told(request, answered, () => next.exchange(request, options)),
    upgrade: (request, options) =>
      told(
        request,
        ({ protocol }: { readonly protocol: string }) => ({ protocol }),
        () => next.upgrade(request, options),
      ),
  });
}

function maskedHeaders(headers: WireHeaders | Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      (typeof value === 'string' ? [value] : [...value]).map((each) => shown(name, each)).join(', '),
    ]),
  );
}

function shown(name: string, value: string): string {
  return /^(set-)?cookie$/i.test(name) ? '<masked>' : maskedHeader(name, value);
}

/** Without the body. */
function curlCommand(request: WireRequest, url: string): string {
  const headers = Object.entries(headersOf(request)).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => ` -H ${quoted(`${name}: ${shown(name, each)}`)}`),
  );
  return `curl -v -X${request.method}${headers.join('')} ${quoted(url)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
