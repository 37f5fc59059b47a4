import { deepFreeze, type Frozen, newBadRequest, newInvalid } from '@coracle/apimachinery';
import type { ApiObject, Subresource, SubresourceResponse } from '../registry/definition.ts';

/** Where a kind keeps what `/scale` shows. */
export interface ScaleFields {
  /** Undefined where the object does not say; custom resources answer that with an error. */
  replicas(object: ApiObject): number | undefined;
  withReplicas(object: ApiObject, replicas: number): ApiObject;
  statusReplicas(object: ApiObject): number;
  /** Selector of the pods in text form; '' for none. */
  selector(object: ApiObject): string;
}

interface Scale {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly replicas?: unknown };
}

/** `/scale` of a resource: autoscaling/v1 Scale as a view of its object (upstream ScaleREST of each resource). */
export function scaleSubresource(fields: ScaleFields): Subresource {
  return {
    name: 'scale',
    response: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'patch', 'update'],
    async handler({ verb, name, context, body, patched, registry }): Promise<SubresourceResponse> {
      if (verb === 'get') return { status: 200, object: scaleOf(await registry.get(context, name), fields) };
      const updated = await registry.update(context, name, (current) => {
        const sent = (patched === undefined ? body : patched(scaleOf(current, fields))) as Scale;
        const replicas = checked(sent, name);
        const changed = fields.withReplicas(current, replicas);
        const resourceVersion = sent.metadata?.resourceVersion;
        if (resourceVersion === undefined || resourceVersion === '') return changed;
        return { ...changed, metadata: { ...changed.metadata, resourceVersion } };
      });
      return { status: 200, object: scaleOf(updated, fields) };
    },
  };
}

function checked(sent: Scale | undefined, name: string): number {
  const sentName = sent?.metadata?.name;
  if (sentName !== undefined && sentName !== name)
    throw newBadRequest(`the name of the object (${sentName}) does not match the name on the URL (${name})`);
  const replicas = sent?.spec?.replicas ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    throw newBadRequest(
      `Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal ${typeof replicas} into Go struct field ScaleSpec.spec.replicas of type int32`,
    );
  }
  if (replicas < 0) {
    throw newInvalid({ group: 'autoscaling', kind: 'Scale' }, name, [
      { type: 'Invalid', field: 'spec.replicas', badValue: replicas, detail: 'must be greater than or equal to 0' },
    ]);
  }
  return replicas;
}

function scaleOf(object: ApiObject, fields: ScaleFields): Frozen<unknown> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = fields.replicas(object);
  const selector = fields.selector(object);
  return deepFreeze({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === undefined || replicas === 0 ? {} : { replicas },
    status: { replicas: fields.statusReplicas(object), ...(selector === '' ? {} : { selector }) },
  });
}

interface Workload {
  readonly spec?: { readonly replicas?: number; readonly selector?: Selector | Readonly<Record<string, string>> };
  readonly status?: { readonly replicas?: number };
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

/** Of the kinds with `spec.replicas`, a selector and `status.replicas`. */
export const workloadScale: Subresource = scaleSubresource({
  replicas: (object) => (object as unknown as Workload).spec?.replicas ?? 0, // the kinds that have this subresource have these fields
  withReplicas: (object, replicas) => ({ ...object, spec: { ...(object as unknown as { spec: object }).spec, replicas } }), // the kinds that have this subresource have these fields
  statusReplicas: (object) => (object as unknown as Workload).status?.replicas ?? 0, // the kinds that have this subresource have these fields
  selector: (object) => selectorText((object as unknown as Workload).spec?.selector ?? {}), // the kinds that have this subresource have these fields
});

/** A label selector as query parameters spell it, requirements sorted by key (metav1.FormatLabelSelector). */
function selectorText(selector: Selector | Readonly<Record<string, string>>): string {
  const isMap = !('matchLabels' in selector) && !('matchExpressions' in selector);
  const labels = (isMap ? selector : ((selector as Selector).matchLabels ?? {})) as Readonly<Record<string, string>>;
  const expressions = isMap ? [] : ((selector as Selector).matchExpressions ?? []);
  const terms: (readonly [key: string, text: string])[] = Object.entries(labels).map(([key, value]) => [key, `${key}=${value}`] as const);
  for (const { key, operator, values = [] } of expressions) {
    const list = [...values].sort().join(',');
    terms.push([
      key,
      operator === 'In' ? `${key} in (${list})` : operator === 'NotIn' ? `${key} notin (${list})` : operator === 'Exists' ? key : `!${key}`,
    ]);
  }
  return terms
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join(',');
}
