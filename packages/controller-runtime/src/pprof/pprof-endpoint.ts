import path from 'node:path';
import { argv } from 'node:process';
import type { HttpAnswer, HttpRequest } from '../transport/http-server.ts';
import { encodeProfile, type Profile } from './profile-proto.ts';
import { NoProfilerError, ProfilerBusyError, type V8Profiler } from './v8-profiler.ts';

const root = '/debug/pprof/';
const defaultSeconds = 30;
// All samples are kept until the end: upstream has no bound.
const mostSeconds = 3_600;
const plain = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

const descriptions = {
  cmdline: 'The command line of this program, its arguments separated by NUL.',
  heap: 'Memory that is held, by the stack that asked for it. gc=1: after garbage was collected.',
  profile: `What the main thread does in the next seconds=${defaultSeconds}, by stack.`,
} as const;

/**
 * What is served below `/debug/pprof/`, without the network (net/http/pprof). Of Go's profiles those that V8 has: CPU and memory, as gzip'd
 * protobuf that `go tool pprof` reads. Its other ones, `symbol` and `trace` are 404; text (`debug=1`) and the difference of two profiles of
 * memory (`seconds`) are 400; without `node:inspector` profiles are 501.
 */
export class PprofEndpoint {
  readonly #profiler: V8Profiler;

  constructor(profiler: V8Profiler) {
    this.#profiler = profiler;
  }

  /** Throws the request's reason when it aborts before the profile is made. */
  async answer({ url, signal }: HttpRequest): Promise<HttpAnswer<string | Uint8Array>> {
    const { pathname, searchParams } = url;
    if (`${pathname}/` === root) return { status: 301, headers: { location: root }, body: '' };
    if (!pathname.startsWith(root)) return { status: 404, headers: plain, body: '404 page not found\n' };
    const name = pathname.slice(root.length);
    switch (name) {
      case '':
        return { status: 200, headers: { ...plain, 'content-type': 'text/html; charset=utf-8' }, body: index };
      case 'cmdline':
        return { status: 200, headers: plain, body: argv.join('\u0000') };
      case 'profile': {
        const seconds = secondsOf(searchParams.get('seconds') ?? '');
        if (seconds > mostSeconds) return refusal(400, `Cannot profile for ${seconds} s: at most ${mostSeconds}`);
        return answered(name, () => this.#profiler.cpu(seconds, signal));
      }
      case 'heap':
        if (searchParams.has('seconds')) return refusal(400, '"seconds" parameter is not supported for this profile type');
        if (numberOf(searchParams.get('debug') ?? '') !== 0) return refusal(400, 'There is no text form of profiles: leave "debug" out');
        return answered(name, () => this.#profiler.heap(numberOf(searchParams.get('gc') ?? '') > 0));
      default:
        return refusal(404, 'Unknown profile');
    }
  }
}

async function answered(name: 'profile' | 'heap', profile: () => Promise<Profile>): Promise<HttpAnswer<string | Uint8Array>> {
  try {
    const { gzipSync } = globalThis.process.getBuiltinModule('node:zlib');
    const body = gzipSync(encodeProfile(await profile(), path.basename(argv[1] ?? argv[0] ?? '')));
    const type = { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${name}"` };
    return { status: 200, headers: { ...plain, ...type }, body };
  } catch (error) {
    if (error instanceof ProfilerBusyError) return refusal(500, `Could not enable CPU profiling: ${error.message}`);
    if (error instanceof NoProfilerError) return refusal(501, error.message);
    throw error;
  }
}

/** The header tells pprof's tools to show the text. */
function refusal(status: number, text: string): HttpAnswer {
  return { status, headers: { ...plain, 'x-go-pprof': '1' }, body: `${text}\n` };
}

/** What is no number above 0 counts as not given. */
function secondsOf(text: string): number {
  const seconds = numberOf(text);
  return seconds > 0 ? seconds : defaultSeconds;
}

/** 0 for what is no integer, as strconv Atoi leaves it. */
function numberOf(text: string): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
}

const rows = Object.entries(descriptions).map(([name, text]) => `<dt><a href="${name}">${name}</a></dt><dd>${text}</dd>`);
const index = `<!doctype html>
<title>${root}</title>
<h1>${root}</h1>
<dl>
${rows.join('\n')}
</dl>
`;
