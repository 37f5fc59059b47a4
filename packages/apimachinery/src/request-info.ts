import type { ApiRequest } from './transport.ts';

/** What a path and method ask for (k8s.io/apiserver pkg/endpoints/request, requestinfo.go). */
export type RequestInfo =
  | { readonly kind: 'path'; readonly path: string; readonly verb: string }
  | {
      readonly kind: 'resource';
      readonly path: string;
      /** get, list, watch, create, update, patch, delete, deletecollection, or the lower-case method for connects. */
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      /** '' for the resource itself. */
      readonly subresource: string;
      /** '' for cluster scope and for all namespaces. */
      readonly namespace: string;
      /** '' for collections. */
      readonly name: string;
      /** What follows the subresource: the path of a proxied request. */
      readonly rest: string;
    };

/** Namespaces are themselves addressed by `/namespaces/NAME`; these follow as their subresources. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/** Never throws: a path that is not understood is a `path` request, which nobody serves. */
export function requestInfo(request: ApiRequest, query: ReadonlyMap<string, string>): RequestInfo {
  const { path } = request;
  const fallback: RequestInfo = { kind: 'path', path, verb: request.method.toLowerCase() };
  const segments = decodeSegments(path);
  if (segments === undefined) return fallback;
  const [root, first = '', second = ''] = segments;
  const isCore = root === 'api' && segments.length >= 3;
  if (!isCore && (root !== 'apis' || segments.length < 4)) return fallback;
  const group = isCore ? '' : first;
  const version = isCore ? first : second;
  /** Where the path goes on. */
  let at = isCore ? 2 : 3;
  // The old form of a watch: /api/v1/watch/pods.
  const oldWatch = segments[at] === 'watch' && segments.length > at + 1;
  if (oldWatch) at++;
  let namespace = '';
  const isSubresourceOfNamespace = segments.length === at + 3 && namespaceSubresources.has(segments[at + 2] ?? '');
  if (segments[at] === 'namespaces' && segments.length > at + 2 && !isSubresourceOfNamespace) {
    namespace = segments[at + 1] ?? '';
    at += 2;
  }
  const resource = segments[at] ?? '';
  const name = segments[at + 1] ?? '';
  const subresource = segments[at + 2] ?? '';
  if (resource === '') return fallback;
  const collection = name === '';
  return {
    kind: 'resource',
    path,
    verb: oldWatch ? 'watch' : verbOf(request, query, collection, subresource),
    group,
    version,
    resource,
    subresource,
    namespace: resource === 'namespaces' && !collection ? name : namespace,
    name,
    rest: segments.length > at + 3 ? segments.slice(at + 3).join('/') : '',
  };
}

function verbOf(request: ApiRequest, query: ReadonlyMap<string, string>, collection: boolean, subresource: string): string {
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      if (subresource !== '') return 'get';
      const watch = query.get('watch');
      const watching = watch !== undefined && watch !== 'false' && watch !== '0';
      if (watching && (collection || query.has('fieldSelector'))) return 'watch';
      return collection ? 'list' : 'get';
    }
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return collection ? 'deletecollection' : 'delete';
    case 'OPTIONS':
      return 'options';
  }
}

/** Path segments, percent-decoded; `undefined` when one is empty (but for a slash at the end) or not valid UTF-8. */
function decodeSegments(path: string): readonly string[] | undefined {
  const parts: string[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; ) {
    const end = path.indexOf('/', slash + 1);
    const part = path.slice(slash + 1, end < 0 ? path.length : end);
    if (part !== '') parts.push(part);
    else if (end >= 0) return undefined;
    slash = end;
  }
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
