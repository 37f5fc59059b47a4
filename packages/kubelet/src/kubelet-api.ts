import { type ApiRequest, type ApiResponse, type ExchangeOptions, parseTime } from '@coracle/apimachinery';
import type { DialResponse, Process, RequestHandler } from '@coracle/kernel';
import { type ContainerLog, LogFormat, type LogSelection, selectLines } from './container/container-log.ts';
import type { PodWorker } from './pod/pod-worker.ts';
import { type ContainerRecord, containerOf } from './pod/record.ts';

export interface KubeletApiOptions {
  readonly process: Process;
  readonly workers: () => readonly PodWorker[];
}

/** What of a log a request asks for. */
interface LogRequest extends LogSelection {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly limitBytes: number;
}

const text = 'text/plain; charset=utf-8';
const utf8 = new TextEncoder();
/** Of an answer that cannot be streamed. */
const longestBody = 10 * 1024 * 1024;

/**
 * The HTTP API of one kubelet, which the API server asks for logs (pkg/kubelet/server). There is nothing to execute and nothing to
 * attach to in a simulated container, so exec, attach and portForward answer 501.
 */
export class KubeletApi {
  readonly #process: Process;
  readonly #workers: () => readonly PodWorker[];

  constructor({ process, workers }: KubeletApiOptions) {
    this.#process = process;
    this.#workers = workers;
  }

  /** Answers one request; `signal` ends what it follows. */
  async handle({ method, path, query }: ApiRequest, { signal }: ExchangeOptions = {}): Promise<ApiResponse> {
    const [root = '', ...rest] = path.split('/').slice(1).map(decodeSegment);
    switch (root) {
      case 'healthz':
        return answer(200, 'ok');
      case 'containerLogs':
        return method === 'GET' ? this.#logs(rest, query, signal) : answer(405, 'Method Not Allowed');
      case 'exec':
      case 'attach':
      case 'portForward':
        return answer(501, `${root} is not supported: the containers of a simulated node are programs without processes`);
      default:
        return notFound;
    }
  }

  /** The same for a Dialer, whose answers are whole: one that follows ends with the container. */
  requestHandler(): RequestHandler {
    return async ({ method, url, headers, signal }): Promise<DialResponse> => {
      if (method !== 'GET' && method !== 'POST') return { status: 405, headers: {}, body: utf8.encode('Method Not Allowed') };
      const response = await this.handle({ method, path: url.pathname, query: [...url.searchParams], headers }, { signal });
      return { status: response.status, headers: response.headers, body: await wholeBody(response) };
    };
  }

  #logs(segments: readonly string[], query: ApiRequest['query'], signal: AbortSignal | undefined): ApiResponse {
    const [namespace = '', name = '', container = ''] = segments;
    if (segments.length !== 3) return notFound;
    const wanted = parseLogRequest(query, this.#process.clock.now());
    if ('refusal' in wanted) return wanted.refusal;
    const worker = this.#workers().findLast(({ record }) => record.namespace === namespace && record.name === name);
    if (worker === undefined) return answer(404, `pod "${name}" does not exist`);
    const record = containerOf(worker.record, container);
    if (record === undefined) return answer(404, `container "${container}" not found in pod "${name}"`);
    const found = chosenLog(worker, record, wanted);
    if (typeof found === 'string') return answer(400, found);
    const chunks = chunksOf(found, wanted, signal);
    return { status: 200, headers: { 'content-type': text }, body: { form: 'stream', contentType: text, chunks } };
  }
}

/** The log, or why there is none (kubelet_pods.go validateContainerLogStatus). */
function chosenLog(
  { logs, record: { name: pod } }: PodWorker,
  { name, run, last }: ContainerRecord,
  { previous }: LogRequest,
): ContainerLog | string {
  const kept = logs.get(name);
  const isWaiting = run.phase === 'waiting';
  if (previous) {
    // A container that waits to run again has not begun a new log yet: its last run is the previous one.
    const log = isWaiting && last !== undefined ? kept?.current : kept?.previous;
    return log ?? `previous terminated container "${name}" in pod "${pod}" not found`;
  }
  if (kept !== undefined && (!isWaiting || last !== undefined)) return kept.current;
  if (!isWaiting) return `container "${name}" in pod "${pod}" is not available`;
  const why =
    run.reason === 'ErrImagePull'
      ? "image can't be pulled"
      : run.reason === 'ImagePullBackOff'
        ? 'trying and failing to pull image'
        : run.reason;
  return `container "${name}" in pod "${pod}" is waiting to start: ${why}`;
}

/** Reads and checks PodLogOptions, in the words of upstream's server: it does not say which of them is wrong. */
function parseLogRequest(query: ApiRequest['query'], nowMs: number): LogRequest | { readonly refusal: ApiResponse } {
  const values = new Map(query);
  const tail = values.get('tail') ?? ''; // the old name
  if (tail === 'all') values.delete('tailLines');
  else if (tail !== '') values.set('tailLines', tail);

  const [tailLines, limitBytes, sinceSeconds] = ['tailLines', 'limitBytes', 'sinceSeconds'].map((name) => integerOf(values.get(name)));
  const sinceTime = values.get('sinceTime') ?? '';
  const since = parseTime(sinceTime);
  if (tailLines === 'invalid' || limitBytes === 'invalid' || sinceSeconds === 'invalid' || (sinceTime !== '' && since === undefined))
    return { refusal: answer(400, '{"message": "Unable to decode query."}') };

  const stream = values.get('stream') ?? 'All';
  const isValid =
    (tailLines ?? 0) >= 0 &&
    (limitBytes ?? 1) >= 1 &&
    (sinceSeconds ?? 1) >= 1 &&
    !(sinceSeconds !== undefined && values.has('sinceTime')) &&
    ['All', 'Stdout', 'Stderr'].includes(stream) &&
    !(stream !== 'All' && tailLines !== undefined);
  if (!isValid) return { refusal: answer(422, '{"message": "Invalid request."}') };

  const isTrue = (name: string): boolean => values.has(name) && !['false', '0'].includes(values.get(name)?.toLowerCase() ?? '');
  return {
    follow: isTrue('follow'),
    previous: isTrue('previous'),
    timestamps: isTrue('timestamps'),
    limitBytes: limitBytes ?? Number.POSITIVE_INFINITY,
    tailLines,
    sinceMs: sinceSeconds === undefined ? since : nowMs - sinceSeconds * 1000,
    stream: stream === 'All' ? undefined : stream === 'Stdout' ? 'stdout' : 'stderr',
  };
}

/** A 64-bit integer, as strconv.ParseInt reads it. */
function integerOf(text: string | undefined): number | 'invalid' | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text)) return 'invalid';
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value ? Number(value) : 'invalid';
}

/** The lines that are there, then, when followed, those that come until the container ends. */
async function* chunksOf(
  log: ContainerLog,
  { follow, limitBytes, timestamps = false, ...selection }: LogRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let left = limitBytes;
  const format = new LogFormat({ timestamps });
  let { lines, next } = log.since(0);
  lines = selectLines(lines, selection);
  const wake: { now: () => void } = { now: () => undefined };
  using _follower = log.follow(() => wake.now());
  const onAbort = (): void => wake.now();
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      const chunk = utf8.encode(format.format(lines)).subarray(0, left);
      left -= chunk.length;
      if (chunk.length > 0) yield chunk;
      if (left <= 0 || !follow || signal?.aborted === true) return;
      const more = log.since(next);
      if (more.lines.length === 0) {
        if (log.ended) return;
        await new Promise<void>((resolve) => {
          wake.now = resolve;
        });
      }
      const after = log.since(next);
      lines = selectLines(after.lines, { stream: selection.stream, sinceMs: selection.sinceMs });
      next = after.next;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function wholeBody(response: ApiResponse): Promise<Uint8Array> {
  if ('events' in response || response.body.form === 'object') return new Uint8Array();
  if (response.body.form === 'bytes') return response.body.bytes;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body.chunks) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longestBody) break;
  }
  return Buffer.concat(chunks).subarray(0, longestBody);
}

function answer(status: number, message: string): ApiResponse {
  return { status, headers: { 'content-type': text }, body: { form: 'bytes', contentType: text, bytes: utf8.encode(message) } };
}

const notFound = answer(404, '404 page not found');

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // not percent-encoded: nothing has this name
  }
}
