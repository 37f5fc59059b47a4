import type { Namespace, Pod } from '@coracle/api';
import { isMethodNotSupported, isNotFound, parseTime, type Unstructured } from '@coracle/apimachinery';
import { type ApiResource, type Clientset, type Discovery, DiscoveryClient, resourceHandle } from '@coracle/client';
import { messageOf } from '../controller/pod-control.ts';
import { preferredResources } from '../controller/preferred-resources.ts';
import type { DeletionReport } from './conditions.ts';

/** How long objects with finalizers are given before the next look (finalizerEstimateSeconds). */
const finalizerEstimateSeconds = 15;

/** What is left of one resource. */
interface Leftover {
  /** 0: everything ought to be gone by now. */
  readonly estimateSeconds: number;
  readonly count: number;
  readonly finalizers: ReadonlyMap<string, number>;
}

export interface ContentDeletion {
  readonly report: DeletionReport;
  /** Seconds until the rest may be gone; 0 when nothing is left. */
  readonly estimateSeconds: number;
}

/**
 * Deletes what a namespace holds, whatever kinds the server has (pkg/controller/namespace/deletion). Pods go first, and while
 * one is left nothing else does: their claims, secrets and policies stay until they have ended (KEP-5080).
 */
export async function deleteContent(clientset: Clientset, namespace: Namespace, nowMs: number): Promise<ContentDeletion> {
  const discovery = await new DiscoveryClient(clientset.rest).discover();
  const failures: string[] = [];
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  let estimateSeconds = 0;
  const deletable = deletableResources(discovery);
  const isPods = (row: ApiResource): boolean => row.group === '' && row.resource === 'pods';
  for (const rows of [deletable.filter(isPods), deletable.filter((row) => !isPods(row))]) {
    for (const row of rows) {
      try {
        const left = await deleteAllOf(clientset, row, namespace, nowMs);
        estimateSeconds = Math.max(estimateSeconds, left.estimateSeconds);
        if (left.count > 0) remaining.set(`${row.resource}.${row.group}`, left.count);
        for (const [finalizer, count] of left.finalizers) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + count);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (remaining.size > 0 || failures.length > 0) break;
  }
  return { report: { undiscovered: discovery.failedGroups, failures, remaining, finalizers }, estimateSeconds };
}

function deletableResources(discovery: Discovery): readonly ApiResource[] {
  return preferredResources(discovery).filter((row) => row.namespaced && row.verbs.includes('delete'));
}

async function deleteAllOf(clientset: Clientset, row: ApiResource, namespace: Namespace, nowMs: number): Promise<Leftover> {
  const name = namespace.metadata.name ?? '';
  const client = clientset.resource<Unstructured>(resourceHandle(row), name);
  const list = async (): Promise<readonly Unstructured[]> => {
    if (!row.verbs.includes('list')) return [];
    try {
      return (await client.list()).items;
    } catch (error) {
      if (isNotFound(error) || isMethodNotSupported(error)) return []; // the resource went away meanwhile
      throw error;
    }
  };
  const isPods = row.group === '' && row.resource === 'pods';
  const graceSeconds = isPods ? podGraceSeconds((await list()) as unknown as readonly Pod[], namespace, nowMs) : 0; // the core group's pods
  if (row.verbs.includes('deletecollection')) await ignoringMissing(() => client.deleteCollection({ propagationPolicy: 'Background' }));
  else
    for (const item of await list())
      await ignoringMissing(() => client.delete(item.metadata.name ?? '', { propagationPolicy: 'Background' }));
  const left = await list();
  if (left.length === 0) return { estimateSeconds: graceSeconds, count: 0, finalizers: new Map() };
  const finalizers = new Map<string, number>();
  for (const item of left)
    for (const finalizer of item.metadata.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  if (graceSeconds > 0) return { estimateSeconds: graceSeconds, count: left.length, finalizers };
  if (finalizers.size > 0) return { estimateSeconds: finalizerEstimateSeconds, count: left.length, finalizers };
  throw new Error(`unexpected items still remain in namespace: ${name} for gvr: ${row.group}/${row.version}, Resource=${row.resource}`);
}

/** The longest grace period among pods that run, unless it has passed since the namespace was deleted. */
export function podGraceSeconds(pods: readonly Pod[], namespace: Namespace, nowMs: number): number {
  const running = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const longest = Math.max(0, ...running.map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0));
  const deletedMs = parseTime(namespace.metadata.deletionTimestamp) ?? nowMs;
  return nowMs - deletedMs >= longest * 1000 ? 0 : longest;
}

async function ignoringMissing(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!isNotFound(error) && !isMethodNotSupported(error)) throw error;
  }
}
