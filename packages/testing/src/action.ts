import { type ApiRequest, deepFreeze, readJson, requestInfo } from '@coracle/apimachinery';

/** One request, as a test looks at it (client-go testing Action). */
export interface Action {
  /** As roles name it: `create`, `deletecollection`. Of a path that is no resource, the method in lower case. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** With its subresource: `pods`, `pods/status`. '' for a path that is no resource. */
  readonly resource: string;
  /** '' for the cluster scope and for all namespaces. */
  readonly namespace: string;
  /** '' for a collection; of an object that is created, its own. */
  readonly name: string;
  readonly path: string;
  /** Of a parameter that comes several times, the last. */
  readonly query: ReadonlyMap<string, string>;
  /** What was sent: an object, a patch, the options of a deletion. Undefined for nothing, and for what is no JSON. Frozen. */
  readonly object: unknown;
}

/** What a client asks for by `request`. */
export function actionOf(request: ApiRequest): Action {
  const query = new Map(request.query);
  const info = requestInfo(request, query);
  const object = bodyOf(request);
  const { path, verb } = info;
  if (info.kind === 'path') return { verb, group: '', version: '', resource: '', namespace: '', name: '', path, query, object };
  const { group, version, namespace, subresource } = info;
  return {
    verb,
    group,
    version,
    resource: subresource === '' ? info.resource : `${info.resource}/${subresource}`,
    namespace,
    name: info.name === '' && verb === 'create' ? nameOf(object) : info.name,
    path,
    query,
    object,
  };
}

function bodyOf({ body }: ApiRequest): unknown {
  if (body === undefined || body.form === 'stream') return undefined;
  if (body.form === 'object') return body.object;
  if (!/json/.test(body.contentType)) return undefined;
  try {
    return deepFreeze(readJson(body.bytes).value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined; // the server says what is wrong with it
  }
}

function nameOf(object: unknown): string {
  const { name } = (object as { readonly metadata?: { readonly name?: unknown } } | undefined)?.metadata ?? {};
  return typeof name === 'string' ? name : '';
}
