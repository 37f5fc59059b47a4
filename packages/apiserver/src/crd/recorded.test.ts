import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CustomResourceDefinition, TypeTable } from '@coracle/api';
import { applyJsonPatch, applyMergePatch, deepFreeze, type Frozen, StatusError, type Unstructured } from '@coracle/apimachinery';
import { admissionChain } from '../admission/admission.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';
import { GenericRegistry } from '../registry/generic-registry.ts';
import { decodeObject } from '../server/body.ts';
import { definitionsOf } from './custom-resource.ts';
import { customResourceDefinitionHooks } from './custom-resource-definition.ts';
import { contextFor } from './request-context.fixture.ts';

/** What the real server answered to writes of custom resources and their definitions. The facts live beside the repository. */
const root = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/data/kubernetes-1.37/recorded/crd');

/** Cases whose rules are in CEL, which is not evaluated. */
const needsCel = /^(cel-(?!reason-none)|define-cel-(?!empty|fieldpath|message-empty|reason-bad|keyword)|ratchet-cel)/;

interface Step {
  readonly do?: string;
  readonly body?: unknown;
  readonly res?: {
    readonly status: number;
    readonly headers?: { readonly warning?: string };
    readonly body?: Readonly<Record<string, unknown>>;
  };
}

const table = new TypeTable();
const options = { table, cells: {}, strategicMerge: () => () => assert.fail('patches are not replayed') };
const hooks = { 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(table) };
const crds = builtInDefinitions({ ...options, hooks }).find(({ kind }) => kind === 'CustomResourceDefinition');

describe('recorded custom resources', { skip: existsSync(root) ? false : 'no recorded facts beside the repository' }, () => {
  for (const file of existsSync(root) ? readdirSync(root).sort() : []) {
    const name = file.replace('.json', '');
    if (!needsCel.test(name)) test(`${name}: writes are answered as by the real server`, () => replay(join(root, file)));
  }
});

const requestForm =
  /^(POST|PUT|PATCH|GET) \/apis\/([^/]+)\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/?]+)(?:\/([^/?]+))?(?:\/(status|scale))?(\?.*)?$/;

async function replay(path: string): Promise<void> {
  const { steps } = JSON.parse(readFileSync(path, 'utf8').replaceAll('{u}', 'u1').replaceAll('{ns}', 'default')) as {
    readonly steps: readonly Step[];
  };
  assert.ok(crds !== undefined);
  const context = contextFor(1);
  const definitions = new Map<string, ResourceDefinition>([['apiextensions.k8s.io/v1/customresourcedefinitions', crds]]);
  const answers = new Map<number, ApiObject>();
  for (const [i, step] of steps.entries()) {
    const [, method = '', group = '', version = '', namespace = '', resource = '', name = '', subresource = '', query = ''] =
      requestForm.exec(step.do ?? '') ?? [];
    const definition = definitions.get(`${group}/${version}/${resource}`);
    // The registry's own answer, before the rules of this folder are asked.
    const isUnconditional = JSON.stringify(step.res?.body ?? '').includes('must be specified for an update');
    if (
      definition === undefined ||
      isUnconditional ||
      step.res === undefined ||
      step.res.status === 404 ||
      (method === 'GET' && subresource === '') ||
      (method === 'POST' && name !== '')
    )
      continue;
    const warnings: string[] = [];
    const request: Request = {
      method,
      definition,
      name,
      subresource,
      body: filled(step.body, answers),
      context: { ...context, namespace, dryRun: query.includes('dryRun'), warn: (text) => warnings.push(text) },
    };
    const answer = await answerTo(request);
    answers.set(i, answer.body);
    compare(step, answer, warnings);
    if (answer.status < 300 && definition === crds) {
      // The other definitions of these cases do not come to be served.
      for (const own of definitionsOf(answer.body as unknown as Frozen<CustomResourceDefinition>, { table }))
        definitions.set(`${own.group}/${own.version}/${own.resource}`, own);
    }
  }
}

/** `body` with what it takes from an earlier answer. */
function filled(body: unknown, answers: ReadonlyMap<number, ApiObject>): unknown {
  const text = JSON.stringify(body ?? null).replaceAll(
    /\{\{(\d+)\.metadata\.resourceVersion\}\}/g,
    (_, step) => answers.get(Number(step))?.metadata.resourceVersion ?? '',
  );
  return JSON.parse(text) as unknown;
}

interface Request {
  readonly method: string;
  readonly definition: ResourceDefinition;
  readonly name: string;
  readonly subresource: string;
  readonly body: unknown;
  readonly context: RequestContext;
}

interface Answer {
  readonly status: number;
  readonly body: ApiObject;
}

async function answerTo(request: Request): Promise<Answer> {
  try {
    return await perform(request);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { status: error.status.code ?? 0, body: error.status as unknown as ApiObject }; // compared only
  }
}

async function perform({ method, definition, name, subresource, body, context }: Request): Promise<Answer> {
  const registry = new GenericRegistry(definition, admissionChain([]));
  const read = (value: unknown): Unstructured => decodeObject(definition, { value: deepFreeze(value), duplicates: [] }, 'Warn', context);
  const patch = (current: unknown): unknown => (Array.isArray(body) ? applyJsonPatch(current, body) : applyMergePatch(current, body));
  if (method === 'POST') return { status: 201, body: (await registry.create(context, read(body))).object };
  if (subresource === 'scale') {
    const handler = definition.subresources['scale']?.handler;
    assert.ok(handler !== undefined);
    const signal = new AbortController().signal;
    const verb = method === 'GET' ? 'get' : 'update';
    const answer = await handler({
      verb,
      name,
      context,
      body,
      ...(method === 'PATCH' ? { patched: patch } : {}),
      query: new Map(),
      signal,
      registry,
    });
    assert.ok('object' in answer);
    return { status: answer.status, body: answer.object as ApiObject }; // a Scale
  }
  const rules =
    subresource === 'status' && definition.statusStrategy !== undefined ? { strategy: definition.statusStrategy, subresource } : {};
  if (method === 'PUT') {
    const sent = read(body);
    // The handler of the request takes the namespace from the path.
    const inNamespace = definition.namespaced ? { ...sent, metadata: { ...sent.metadata, namespace: context.namespace } } : sent;
    return { status: 200, body: (await registry.replace(context, name, inNamespace, rules)).object };
  }
  if (method === 'GET') return { status: 200, body: await registry.get(context, name) };
  return { status: 200, body: (await registry.change(context, name, (current) => read(patch(current)), rules)).object };
}

function compare({ do: request, res = { status: 0 } }: Step, { status, body }: Answer, warnings: readonly string[]): void {
  const shown = JSON.stringify(body);
  if (status >= 400 || res.status >= 400) {
    assert.equal(body['message'], res.body?.['message'], `${request}: ${shown}`);
    const { details } = res.body as { readonly details?: unknown };
    if (details !== undefined) assert.deepEqual(plain(body['details']), details);
  }
  assert.equal(status, res.status, `${request}: ${shown}`);
  const warning = res.headers?.warning ?? '';
  for (const text of warnings) assert.ok(warning.includes(JSON.stringify(text)), `unexpected warning ${text}`);
  assert.equal(warning === '' ? 0 : warning.split('299 - ').length - 1, warnings.length);
  const { metadata } = (res.body ?? {}) as { readonly metadata?: { readonly generation?: number; readonly labels?: unknown } };
  if (status < 300 && metadata?.generation !== undefined) assert.equal(body.metadata.generation, metadata.generation);
  if (status < 300 && metadata !== undefined) assert.deepEqual(plain(body.metadata.labels), metadata.labels);
  for (const field of ['spec', 'status']) {
    if (status < 300 && res.body !== undefined && Object.hasOwn(res.body, field) && res.body['kind'] !== 'CustomResourceDefinition') {
      assert.deepEqual(plain(body[field]), res.body[field]);
    }
  }
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
