import type { ApiRequest } from '@coracle/apimachinery';

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
  let rest: readonly string[];
  let group: string;
  let version: string | undefined;
  if (segments[0] === 'api' && segments.length >= 3) {
    group = '';
    version = segments[1];
    rest = segments.slice(2);
  } else if (segments[0] === 'apis' && segments.length >= 4) {
    group = segments[1] ?? '';
    version = segments[2];
    rest = segments.slice(3);
  } else return fallback;
  if (version === undefined) return fallback;
  // The old form of a watch: /api/v1/watch/pods.
  const oldWatch = rest[0] === 'watch' && rest.length > 1;
  if (oldWatch) rest = rest.slice(1);
  let namespace = '';
  const isSubresourceOfNamespace = rest.length === 3 && namespaceSubresources.has(rest[2] ?? '');
  if (rest[0] === 'namespaces' && rest.length > 2 && !isSubresourceOfNamespace) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = rest;
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
    rest: rest.slice(3).join('/'),
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
  const parts = path.split('/').slice(1);
  if (parts.at(-1) === '') parts.pop();
  if (parts.includes('')) return undefined;
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
