import { newBadRequest, type Unstructured } from '@coracle/apimachinery';
import type { Subresource } from '../registry/definition.ts';
import { isJsonMap } from './json-value.ts';
import { readScale, type ScalePaths, scaleOf, withScale } from './scale.ts';

/** `/scale` of a custom resource: its replicas in the form that autoscalers and `kubectl scale` know (autoscaling/v1 Scale). */
export function scaleSubresource(paths: ScalePaths): Subresource {
  return {
    name: 'scale',
    response: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'patch', 'update'],
    async handler({ verb, name, context, body, patched, registry }) {
      if (verb === 'get') return { status: 200, object: readScale(await registry.get(context, name), paths) };
      const changed = await registry.update(context, name, (current) => {
        const sent = patched === undefined ? body : patched(scaleOf(current, paths).scale);
        return withScale(current, requireScale(sent, name), paths);
      });
      return { status: 200, object: scaleOf(changed, paths).scale };
    },
  };
}

function requireScale(sent: unknown, name: string): Unstructured {
  if (!isJsonMap(sent)) throw newBadRequest('the body of the request must be a Scale');
  const metadata = isJsonMap(sent['metadata']) ? sent['metadata'] : {};
  const { name: sentName = name } = metadata;
  if (sentName !== '' && sentName !== name) {
    throw newBadRequest(`the name of the object (${String(sentName)}) does not match the name on the URL (${name})`);
  }
  return { ...sent, metadata };
}
