import { type ApiRequest, type ApiResponse, joinedHeaders, type Method } from '@coracle/apimachinery';
import { adminToken, type WholeServer } from './whole-server.fixture.ts';

/** A script of requests with a real server's masked answers. The format is described beside the recordings. */
export interface RecordedCase {
  readonly case: string;
  readonly nsMeta?: object;
  readonly noNamespace?: boolean;
  readonly noServiceAccount?: boolean;
  readonly steps: readonly RecordedStep[];
}

export interface RecordedStep {
  readonly sleep?: number;
  readonly do: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: unknown;
  readonly watch?: boolean;
  readonly until?: { readonly status?: number; readonly contains?: string; readonly path?: string; readonly equals?: unknown };
  readonly res?: { readonly events?: readonly unknown[] };
}

/** What was answered to one step, before anything is masked. */
export type RawAnswer =
  | { readonly skip: true }
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: unknown;
      readonly events?: readonly unknown[];
    };

/** The names that stand for `{ns}` and `{u}` in this run. */
export interface CaseContext {
  readonly u: string;
  readonly ns: string;
  /** By step. */
  readonly bodies: unknown[];
}

/** A step is repeated so often, so long apart, until it answers what it waits for. */
const untilTries = 20;
const untilEveryMs = 100;
/** As long as nothing comes, a watch has nothing more to say. */
const silenceMs = 700;
const u = 'xk4bcdfghj';

/** Runs a case against a server of its own. */
export async function runCase(
  whole: WholeServer,
  recorded: RecordedCase,
): Promise<{ readonly raw: readonly RawAnswer[]; readonly ctx: CaseContext }> {
  const ctx: CaseContext = { u, ns: `ns-${u}`, bodies: [] };
  const raw: RawAnswer[] = [];
  if (recorded.noNamespace !== true) {
    await prepare(whole, '/api/v1/namespaces', { kind: 'Namespace', apiVersion: 'v1', metadata: { name: ctx.ns, ...recorded.nsMeta } });
    const accounts = `/api/v1/namespaces/${ctx.ns}/serviceaccounts`;
    if (recorded.noServiceAccount !== true)
      await prepare(whole, accounts, { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'default' } });
  }
  for (const step of recorded.steps) {
    const answer = await runStep(whole, step, ctx);
    raw.push(answer);
    ctx.bodies.push('skip' in answer ? undefined : (answer.events ?? answer.body));
  }
  return { raw, ctx };
}

async function prepare(whole: WholeServer, path: string, object: object): Promise<void> {
  const { status } = await whole.ask(requestOf(`POST ${path}`, baseHeaders, JSON.stringify(object)));
  if (status !== 201) throw new Error(`POST ${path} gave ${status}`);
}

const baseHeaders = { authorization: `Bearer ${adminToken}`, 'user-agent': 'recorder/1.0', accept: 'application/json' };

async function runStep(whole: WholeServer, step: RecordedStep, ctx: CaseContext): Promise<RawAnswer> {
  if (step.sleep !== undefined) {
    await whole.runtime.advance(step.sleep);
    return { skip: true };
  }
  const headers: Record<string, string> = { ...baseHeaders };
  const repeatedHeaders: Record<string, readonly string[]> = {};
  const text = (value: string): string => filled(value, ctx) as string; // a text stays one
  for (const [name, value] of Object.entries(step.headers ?? {})) {
    if (value === null) delete headers[name.toLowerCase()];
    else if (typeof value === 'string') headers[name.toLowerCase()] = text(value);
    else repeatedHeaders[name.toLowerCase()] = value.map(text);
  }
  const body = step.body === undefined ? undefined : filled(step.body, ctx);
  const request = {
    ...requestOf(
      filled(step.do, ctx) as string,
      joinedHeaders({ headers, repeatedHeaders }),
      typeof body === 'object' ? JSON.stringify(body) : (body as string | undefined), // bodies are objects or texts
    ),
    repeatedHeaders,
  };
  if (step.watch === true) return follow(whole, request, step.res?.events?.length ?? 0);
  for (let tries = 1; ; tries++) {
    const answer = await read(whole, await whole.ask(request));
    if (step.until === undefined || holds(step.until, answer, ctx) || tries === untilTries) return answer;
    const { name } = ((answer.body as { metadata?: { name?: string } } | undefined)?.metadata ?? {}) as { name?: string };
    if (request.method === 'POST' && answer.status === 201 && name !== undefined && !request.query.some(([key]) => key === 'dryRun')) {
      await whole.ask({ method: 'DELETE', path: `${request.path}/${name}`, query: [['gracePeriodSeconds', '0']], headers: baseHeaders });
    }
    await whole.runtime.advance(untilEveryMs);
  }
}

function requestOf(line: string, headers: Readonly<Record<string, string>>, body: string | undefined): ApiRequest {
  const [method = '', ...rest] = line.split(' ');
  const target = rest.join(' ');
  const at = target.indexOf('?');
  const contentType = headers['content-type'] ?? (body === undefined ? '' : 'application/json');
  return {
    method: method as Method, // recorded
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? [] : [...new URLSearchParams(target.slice(at + 1))],
    headers: body === undefined ? headers : { ...headers, 'content-type': contentType },
    ...(body === undefined ? {} : { body: { form: 'bytes', contentType, bytes: Buffer.from(body) } }),
  };
}

type Answered = Extract<RawAnswer, { readonly status: number }>;

async function read(whole: WholeServer, response: ApiResponse): Promise<Answered> {
  if (!('body' in response) || response.body.form === 'object') throw new TypeError('an answer for the wire is bytes');
  const { body } = response;
  const headers = { ...response.headers, 'content-type': body.contentType };
  const chunks: Uint8Array[] = [];
  if (body.form === 'bytes') chunks.push(body.bytes);
  else {
    await whole.runtime.drive(
      (async () => {
        for await (const chunk of body.chunks) chunks.push(chunk);
      })(),
    );
  }
  return { status: response.status, headers, body: parsed(Buffer.concat(chunks).toString('utf8'), body.contentType) };
}

/** Reads a watch until `wanted` events came and nothing more for a moment, or until it falls silent. */
async function follow(whole: WholeServer, request: ApiRequest, wanted: number): Promise<Answered> {
  const call = new AbortController();
  const response = await whole.ask(request, call.signal);
  if (!('body' in response) || response.body.form !== 'stream') return read(whole, response);
  const { chunks, contentType } = response.body;
  let text = '';
  const reading = (async () => {
    for await (const chunk of chunks) text += Buffer.from(chunk).toString('utf8');
  })();
  const events = (): readonly string[] => text.split('\n').filter(isEvent);
  for (let waited = 0; waited < 6_000; waited += silenceMs) {
    await whole.runtime.advance(silenceMs);
    if (events().length >= wanted) break;
  }
  call.abort(new Error('read enough'));
  await whole.runtime.drive(reading);
  return {
    status: response.status,
    headers: { ...response.headers, 'content-type': contentType },
    events: events().map((line) => parsed(line, contentType)),
  };
}

/** A bookmark that only tells the time may come at any time; one that ends the initial events counts. */
function isEvent(line: string): boolean {
  return line !== '' && (!line.includes('"type":"BOOKMARK"') || line.includes('k8s.io/initial-events-end'));
}

function parsed(text: string, contentType: string): unknown {
  if (contentType.includes('protobuf')) return text === '' ? '' : '<binary>';
  if (text === '' || !contentType.includes('json')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // compared as it is
  }
}

function holds(until: NonNullable<RecordedStep['until']>, { status, body }: Answered, ctx: CaseContext): boolean {
  if (until.status !== undefined && until.status !== status) return false;
  if (until.contains !== undefined && !JSON.stringify(body).includes(filled(until.contains, ctx) as string)) return false;
  if (until.path === undefined) return true;
  const found = valueAt(body, until.path);
  return until.equals === undefined ? found !== undefined : JSON.stringify(found) === JSON.stringify(until.equals);
}

function filled(value: unknown, ctx: CaseContext): unknown {
  if (Array.isArray(value)) return value.map((item) => filled(item, ctx));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [filled(key, ctx), filled(item, ctx)]));
  if (typeof value !== 'string') return value;
  return value
    .replaceAll('{ns}', ctx.ns)
    .replaceAll('{u}', ctx.u)
    .replace(/\{\{(\d+)\.([^}]+)\}\}/g, (_, step: string, path: string) => textOf(valueAt(ctx.bodies[Number(step)], path)));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? 'MISSING' : JSON.stringify(value);
}

/** `status.conditions.type=Ready.reason`: keys, indexes, and items by what they say. */
function valueAt(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split('.')) {
    if (found === undefined || found === null) return undefined;
    const [name = '', wanted] = key.split('=');
    if (Array.isArray(found) && wanted !== undefined) found = found.find((item: Record<string, unknown>) => String(item[name]) === wanted);
    else found = (found as Record<string, unknown>)[key];
  }
  return found;
}
