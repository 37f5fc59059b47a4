import type { Pod } from '@coracle/api';
import { type ApiRequest, type ApiResponse, type Frozen, newBadRequest, newInternalError, newStatusError } from '@coracle/apimachinery';
import type { Subresource } from '../registry/definition.ts';

/** The HTTP API of a node's kubelet; undefined when there is no such node, or it is not reachable. */
export type NodeConnection = (
  nodeName: string,
) => ((request: ApiRequest, options: { readonly signal?: AbortSignal }) => Promise<ApiResponse>) | undefined;

const passedOn = ['follow', 'limitBytes', 'pretty', 'previous', 'sinceSeconds', 'sinceTime', 'tailLines', 'timestamps', 'stream'];

/** `pods/NAME/log`: asks the kubelet of the pod's node (upstream registry/core/pod/rest/log.go). */
export function podLog(connection: NodeConnection): Subresource {
  return {
    name: 'log',
    response: { group: '', version: 'v1', kind: 'Pod' },
    verbs: ['get'],
    async handler({ name, context, query, registry, signal }) {
      const pod = (await registry.get(context, name)) as unknown as Frozen<Pod>; // this is a subresource of pods
      const container = chosenContainer(pod, query.get('container') ?? '');
      const node = pod.spec.nodeName ?? '';
      if (node === '') return { status: 200, contentType: 'text/plain', bytes: new Uint8Array() };
      const ask = connection(node);
      if (ask === undefined)
        throw newInternalError(
          `Get "https://${node}:10250/containerLogs/${context.namespace}/${name}/${container}": no node ${JSON.stringify(node)} answers`,
        );
      const path = `/containerLogs/${[context.namespace, name, container].map(encodeURIComponent).join('/')}`;
      const wanted = passedOn.flatMap((key) => (query.has(key) ? [[key, query.get(key) ?? ''] as const] : []));
      const response = await ask({ method: 'GET', path, query: wanted, headers: {} }, { signal });
      if ('events' in response || response.body.form === 'object') throw newInternalError('the kubelet answered in a form that is no log');
      const { body } = response;
      if (response.status !== 200) throw newStatusError(response.status === 404 ? 400 : response.status, 'BadRequest', await textOf(body));
      return body.form === 'bytes'
        ? { status: 200, contentType: 'text/plain', bytes: body.bytes }
        : { status: 200, contentType: 'text/plain', chunks: body.chunks };
    },
  };
}

function chosenContainer({ metadata, spec }: Frozen<Pod>, wanted: string): string {
  const names = spec.containers.map(({ name }) => name);
  const init = (spec.initContainers ?? []).map(({ name }) => name);
  if (wanted !== '') {
    if (names.includes(wanted) || init.includes(wanted)) return wanted;
    throw newBadRequest(`container ${wanted} is not valid for pod ${metadata.name ?? ''}`);
  }
  const [only] = names;
  if (only !== undefined && names.length === 1 && init.length === 0) return only;
  const others = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
  throw newBadRequest(`a container name must be specified for pod ${metadata.name ?? ''}, choose one of: [${names.join(' ')}]${others}`);
}

async function textOf(
  body: { readonly form: 'bytes'; readonly bytes: Uint8Array } | { readonly form: 'stream'; readonly chunks: AsyncIterable<Uint8Array> },
): Promise<string> {
  if (body.form === 'bytes') return new TextDecoder().decode(body.bytes);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body.chunks) text += decoder.decode(chunk, { stream: true });
  return text;
}
