import type { Endpoint, EndpointSlice } from '@coracle/api';
import { semanticEqual, type WireMap } from '@coracle/apimachinery';
import { type DesiredGroup, portsKey, type SlicePort } from './desired.ts';

/** The content of a slice, without what the server adds. */
export interface SliceContent {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly create: readonly SliceContent[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: SliceContent }[];
  readonly remove: readonly EndpointSlice[];
}

export interface SlicePlanInput {
  /** Slices of one Service and one address family. */
  readonly existing: readonly EndpointSlice[];
  readonly desired: readonly DesiredGroup[];
  readonly labels: WireMap;
  readonly maxEndpoints: number;
}

/**
 * The fewest writes that make the slices hold what is desired (k8s.io/endpointslice reconciler.go reconcileByPortMapping): change
 * slices that have to change anyway, fill these up first, then the one unchanged slice that fits best, then make new ones. A
 * Service without endpoints keeps one empty slice.
 */
export function planSlices({ existing, desired, labels, maxEndpoints }: SlicePlanInput): SlicePlan {
  const create: SliceContent[] = [];
  const update: { slice: EndpointSlice; content: SliceContent }[] = [];
  const remove: EndpointSlice[] = existing.filter((slice) => !desired.some(({ ports }) => portsKey(ports) === portsKey(slice.ports)));
  for (const group of desired) {
    const slices = existing.filter((slice) => portsKey(slice.ports) === portsKey(group.ports));
    const part = planGroup(slices, group, labels, maxEndpoints);
    create.push(...part.create);
    update.push(...part.update);
    remove.push(...part.remove);
  }
  if (existing.length === remove.length && create.length === 0) {
    const placeholder: SliceContent = { ports: [], endpoints: [] };
    const [only] = remove;
    if (remove.length === 1 && only !== undefined && isSame(only, placeholder, labels)) return { create, update, remove: [] };
    create.push(placeholder);
  }
  // A slice that would go takes the content of one that would come: one write instead of two.
  while (remove.length > 0 && create.length > 0) {
    const slice = remove.shift();
    const content = create.shift();
    if (slice !== undefined && content !== undefined) update.push({ slice, content });
  }
  return { create, update, remove };
}

interface Draft {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

function planGroup(slices: readonly EndpointSlice[], { ports, endpoints }: DesiredGroup, labels: WireMap, maxEndpoints: number): SlicePlan {
  const missing = new Map(endpoints.map((endpoint) => [identity(endpoint), endpoint] as const));
  const drafts = slices.map((slice): Draft => {
    const kept: Endpoint[] = [];
    let changed = !semanticEqual(slice.metadata.labels, labels);
    for (const present of endpointsOf(slice)) {
      const wanted = missing.get(identity(present));
      if (wanted === undefined) {
        changed = true;
        continue;
      }
      missing.delete(identity(present));
      changed ||= !semanticEqual(present, wanted);
      kept.push(wanted);
    }
    return { slice, endpoints: kept, changed };
  });
  const rest = [...missing.values()];
  const fill = (draft: Draft): void => {
    const taken = rest.splice(0, maxEndpoints - draft.endpoints.length);
    draft.endpoints.push(...taken);
    draft.changed ||= taken.length > 0;
  };
  const filling = drafts.filter(({ changed, endpoints: kept }) => changed && kept.length > 0 && kept.length < maxEndpoints);
  for (const draft of filling.sort((a, b) => b.endpoints.length - a.endpoints.length)) fill(draft);
  const create: SliceContent[] = [];
  while (rest.length > 0) {
    const draft = rest.length < maxEndpoints ? bestFit(drafts, rest.length, maxEndpoints) : undefined;
    if (draft !== undefined) fill(draft);
    else create.push({ ports, endpoints: rest.splice(0, maxEndpoints) });
  }
  const remove = drafts.filter((draft) => draft.endpoints.length === 0).map(({ slice }) => slice);
  const update = drafts
    .filter((draft) => draft.changed && draft.endpoints.length > 0)
    .map((draft) => ({ slice: draft.slice, content: { ports, endpoints: draft.endpoints } }));
  return { create, update, remove };
}

/** The unchanged slice with the least room left over after `count` more. */
function bestFit(drafts: readonly Draft[], count: number, maxEndpoints: number): Draft | undefined {
  const fitting = drafts.filter(({ changed, endpoints }) => !changed && endpoints.length > 0 && endpoints.length + count <= maxEndpoints);
  return fitting.sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
}

/** An endpoint is the same as before while it is the same pod under the same addresses and name. */
function identity({ addresses, hostname, targetRef }: Endpoint): string {
  return JSON.stringify([addresses, hostname, targetRef?.uid, targetRef?.name]);
}

function isSame(slice: EndpointSlice, content: SliceContent, labels: WireMap): boolean {
  return (
    portsKey(slice.ports) === portsKey(content.ports) &&
    semanticEqual(endpointsOf(slice), content.endpoints) &&
    semanticEqual(slice.metadata.labels, labels)
  );
}

/** Go writes an empty slice as null. */
export function endpointsOf(slice: EndpointSlice): readonly Endpoint[] {
  return (slice.endpoints as readonly Endpoint[] | null) ?? [];
}
