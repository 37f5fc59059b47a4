import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TypeTable } from '@coracle/api';
import { deepFreeze, StatusError, type Unstructured } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import type { Random } from '@coracle/kernel';
import { seededRandom } from '@coracle/simulator';
import { type AdmissionPlugin, admissionChain } from '../admission/admission.ts';
import { customResourceDefinitionHooks } from '../crd/custom-resource-definition.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { RequestContext, ResourceDefinition } from '../registry/definition.ts';
import { GenericRegistry } from '../registry/generic-registry.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';
import { kindHooks } from './kinds.ts';

/**
 * Answers of the real server to creates and updates, replayed through the registry with the hooks of this folder: no HTTP, no
 * admission. The facts live beside the repository and are not part of it.
 */
const root = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/data/kubernetes-1.37/recorded');

/** Steps whose answer was right when this was last changed. A lower count is a regression; raise it when more pass. */
const reached = { defaults: 330, validation: 607 } as const;

interface Step {
  readonly do?: string;
  readonly body?: Unstructured | string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly quiet?: boolean;
  readonly res?: { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown };
}

interface Outcome {
  readonly kind: string;
  readonly step: string;
  readonly fault: string | undefined;
}

const table = new TypeTable();
const definitions = new Map(
  builtInDefinitions({
    table,
    hooks: { ...kindHooks, 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(table) },
    cells: {},
    strategicMerge: () => () => assert.fail('patches are not replayed'),
    subresources: {},
  }).map((definition) => [`${definition.group}/${definition.version}/${definition.resource}`, definition]),
);

describe('recorded answers', { skip: existsSync(root) ? false : 'no recorded facts beside the repository' }, () => {
  test('default() of what default() made is the same', () => {
    for (const area of ['defaults', 'validation']) {
      for (const file of readdirSync(join(root, area))) {
        for (const step of casesOf(join(root, area, file)).steps) assertIdempotent(step);
      }
    }
  });

  for (const area of ['defaults', 'validation'] as const) {
    describe(area, () => {
      const outcomes: Outcome[] = [];
      before(async () => {
        for (const file of readdirSync(join(root, area)).sort()) outcomes.push(...(await replay(join(root, area, file))));
      });

      test(`${area}: answers of at least ${reached[area]} steps are the real server's`, (t) => {
        const only = process.env['ONLY'];
        for (const { step, fault } of outcomes)
          if (only !== undefined && fault !== undefined && step.includes(only)) t.diagnostic(`${step}: ${fault}`);
        t.diagnostic(ledger(outcomes));
        const passed = outcomes.filter(({ fault }) => fault === undefined).length;
        assert.ok(passed >= reached[area], `${passed} of ${outcomes.length}, formerly ${reached[area]}`);
      });
    });
  }
});

function ledger(outcomes: readonly Outcome[]): string {
  const kinds = Map.groupBy(outcomes, ({ kind }) => kind);
  const passed = (of: readonly Outcome[]): string => `${of.filter(({ fault }) => fault === undefined).length}/${of.length}`;
  return [...kinds]
    .map(([kind, of]) => `${kind} ${passed(of)}`)
    .concat(`all ${passed(outcomes)}`)
    .join(', ');
}

function casesOf(path: string): { readonly case: string; readonly steps: readonly Step[] } {
  return JSON.parse(readFileSync(path, 'utf8')) as { readonly case: string; readonly steps: readonly Step[] };
}

function assertIdempotent(step: Step): void {
  const request = step.res?.status === 400 ? undefined : requestOf(step, []);
  if (request === undefined || typeof request.body === 'string' || request.definition.default === undefined) return;
  const once = deepFreeze(
    request.definition.default(deepFreeze(request.definition.decode(request.body).object) as Unstructured),
  ) as Unstructured;
  assert.deepEqual(request.definition.default(once), once, step.do);
}

/** Every create and update of one case, each a step of the ledger unless admission or the decoder answered. */
async function replay(path: string): Promise<readonly Outcome[]> {
  const { case: name, steps } = casesOf(path);
  const store = new MemoryStore();
  const random = seededRandom(1);
  const storage = new EmbeddedStorage(store);
  const answers: unknown[] = [];
  const outcomes: Outcome[] = [];
  for (const [i, step] of steps.entries()) {
    const request = requestOf(step, answers);
    const expected = step.res;
    if (request === undefined || expected === undefined || typeof request.body === 'string') {
      answers.push(undefined);
      continue;
    }
    const warnings: string[] = [];
    const answer = await perform(request, contextOf(request.namespace, storage, random, warnings));
    answers.push(answer.body);
    if ([400, 403, 409, 500].includes(expected.status)) continue;
    const fault = compare(step, answer, warnings, request.body);
    outcomes.push({ kind: request.definition.kind, step: `${name}[${i}]`, fault });
  }
  return outcomes;
}

interface Request {
  readonly method: 'POST' | 'PUT';
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly status: boolean;
  readonly body: Unstructured | string;
}

const uniqueWord = 'q7w8e9r0t1';
const namespaceName = `ns-${uniqueWord}`;

function requestOf(step: Step, answers: readonly unknown[]): Request | undefined {
  const match =
    /^(POST|PUT) \/api(?:\/v1|s\/([^/]+)\/([^/]+))(?:\/namespaces\/(\{ns\}))?\/([a-z]+)(?:\/([^/?]+))?(\/status)?(?:\?.*)?$/.exec(
      step.do ?? '',
    );
  if (match === null || step.body === undefined) return undefined;
  const [, method, group = '', version = 'v1', namespace = '', resource = '', name = '', status] = match;
  const definition = definitions.get(`${group}/${version}/${resource}`);
  if (definition === undefined) return undefined;
  const body = JSON.parse(filled(JSON.stringify(step.body), answers)) as Unstructured | string;
  return {
    method: method as 'POST' | 'PUT',
    definition,
    namespace: filled(namespace, answers),
    name: filled(name, answers),
    status: status !== undefined,
    body,
  };
}

function filled(text: string, answers: readonly unknown[]): string {
  return text
    .replaceAll('{ns}', namespaceName)
    .replaceAll('{u}', uniqueWord)
    .replace(/\{\{(\d+)\.([^}]+)\}\}/g, (_, step: string, path: string) => {
      let value: unknown = answers[Number(step) - 1];
      for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
      return String(value ?? '');
    });
}

function contextOf(namespace: string, storage: EmbeddedStorage, random: Random, warnings: string[]): RequestContext {
  return {
    user: { name: 'admin', uid: 'admin', groups: ['system:masters', 'system:authenticated'] },
    namespace,
    dryRun: false,
    clock: { now: () => Date.UTC(2026, 0, 1) },
    random,
    storage,
    userAgent: 'recorder/1.0',
    warn: (text) => warnings.push(text),
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function perform({ method, definition, name, status, body }: Request, context: RequestContext): Promise<Answer> {
  const registry = new GenericRegistry(definition, admissionChain([withServiceAccount]));
  try {
    const { object } = definition.decode(body);
    if (method === 'POST') return { status: 201, body: (await registry.create(context, object)).object };
    const strategy = definition.statusStrategy ?? {};
    // The handler fills in what the path says.
    const { namespaced } = definition;
    const addressed = { ...object, metadata: { ...object.metadata, ...(namespaced ? { namespace: context.namespace } : {}) } };
    const changed = status
      ? await registry.replace(context, name, addressed, { strategy: onlyStatus(strategy), subresource: 'status' })
      : await registry.replace(context, name, addressed);
    return { status: changed.created ? 201 : 200, body: changed.object };
  } catch (error) {
    if (!(error instanceof StatusError))
      return { status: 500, body: { message: error instanceof Error ? (error.stack ?? error.message) : String(error) } };
    return { status: error.status.code ?? 0, body: error.status };
  }
}

/** What is left of the ServiceAccount plug-in: an update that does not repeat what it had set is refused. */
const withServiceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  async admit({ operation, definition, object }) {
    if (operation !== 'CREATE' || definition.resource !== 'pods' || object === undefined) return undefined;
    const spec = { serviceAccountName: 'default', serviceAccount: 'default', ...(object['spec'] as object) };
    return { ...object, spec };
  },
};

/** A status update takes nothing but the status from what is sent. */
function onlyStatus(strategy: NonNullable<ResourceDefinition['statusStrategy']>): typeof strategy {
  return {
    allowUnconditionalUpdate: true,
    ...strategy,
    prepareForUpdate(object, old, context) {
      const kept = { ...old, metadata: object.metadata, status: object['status'] };
      return strategy.prepareForUpdate?.(kept, old, context) ?? kept;
    },
  };
}

function compare(step: Step, answer: Answer, warnings: readonly string[], sent: Unstructured | string): string | undefined {
  const { status, body, headers } = step.res ?? { status: 0 };
  if (answer.status !== status)
    return `answers ${answer.status}, not ${status}: ${JSON.stringify(answer.body).slice(0, 600)} wanted ${causes(body)}`;
  if (step.quiet === true) return undefined;
  if (status === 422)
    return causes(answer.body) === causes(body) || matches(causes(body), causes(answer.body))
      ? undefined
      : `\n  got  ${causes(answer.body)}\n  want ${causes(body)}`;
  const warned = warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ');
  // Deprecations of whole versions and unknown fields are the handler's to report.
  const expectedWarnings = (headers?.['warning'] ?? '').replace(/299 - "(v1 Endpoints is deprecated|unknown field).*?[^\\\\]"/g, '');
  if (warned !== expectedWarnings) return `warns ${warned}, not ${expectedWarnings}`;
  const difference = differs(comparable(body, sent), comparable(answer.body, sent), '');
  return difference;
}

function causes(status: unknown): string {
  const { details, message } = status as {
    readonly details?: { readonly causes?: readonly { readonly field: string; readonly message: string; readonly reason: string }[] };
    readonly message?: string;
  };
  const list = details?.causes ?? [];
  if (list.length === 0) return message ?? '';
  return list.map((cause) => `${cause.field}: ${cause.reason}: ${cause.message}`).join(' | ');
}

/** What the registry's metadata and admission add is not this folder's: it is left out on both sides. */
function comparable(value: unknown, sent: unknown): unknown {
  const { metadata, ...spec } = value as Unstructured;
  const { generation, labels } = metadata;
  const rest = { ...spec, metadata: { ...(generation === undefined ? {} : { generation }), ...(labels === undefined ? {} : { labels }) } };
  const sentText = JSON.stringify(sent);
  const clean = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.filter((item) => !isFromAdmission(item, sentText)).map(clean);
    if (typeof part !== 'object' || part === null) return part;
    const kept = Object.entries(part).filter(([key, item]) => !isAdmissionField(key, item, sentText));
    const members = kept.map(([key, item]) => [key, clean(item)] as const);
    return Object.fromEntries(members.filter(([, item]) => !(Array.isArray(item) && item.length === 0)));
  };
  return clean(rest);
}

function isFromAdmission(item: unknown, sent: string): boolean {
  const text = JSON.stringify(item) ?? '';
  if (text.startsWith('{"name":"kube-api-access-')) return true;
  if (text === '{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}') return true;
  return (
    /node\.kubernetes\.io\/(not-ready|unreachable)/.test(text) &&
    !sent.includes('tolerationSeconds":300') &&
    text.includes('NoExecute') &&
    !sent.includes('node.kubernetes.io')
  );
}

function isAdmissionField(key: string, value: unknown, sent: string): boolean {
  if ((key === 'serviceAccountName' || key === 'serviceAccount') && value === 'default') return true;
  if (key === 'priority' && value === 0) return true;
  return (
    key === 'preemptionPolicy' && value === 'PreemptLowerPriority' && !sent.includes('preemptionPolicy') && !sent.includes('PriorityClass')
  );
}

/** The first difference, as text. Masks of the recording match what they stand for. */
function differs(want: unknown, got: unknown, at: string): string | undefined {
  if (typeof want === 'string' && typeof got !== 'object' && matches(want, String(got))) return undefined;
  if (typeof want !== 'object' || typeof got !== 'object' || want === null || got === null || Array.isArray(want) !== Array.isArray(got)) {
    return Object.is(want, got) ? undefined : `${at}: ${JSON.stringify(got)}, not ${JSON.stringify(want)}`;
  }
  for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
    const found = differs((want as Record<string, unknown>)[key], (got as Record<string, unknown>)[key], `${at}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function matches(want: string, got: string): boolean {
  const filledIn = want.replaceAll('{ns}', namespaceName).replaceAll('{u}', uniqueWord);
  if (filledIn === got) return true;
  if (!/<(uid|ip|port|gen|time|microtime|rv|token|diff)|@@ /.test(want)) return false;
  // A Go diff of internal structs follows some messages; only what precedes it is compared.
  const [head = ''] = filledIn.split('\n@@ ');
  const pattern = head.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/<(uid|ip|port|gen|time|microtime|rv)(-\d+)?>/g, '.+?');
  return new RegExp(`^${pattern}${head === filledIn ? '$' : ''}`).test(got);
}
