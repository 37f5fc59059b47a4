import type { Namespace, NamespaceCondition } from '@coracle/api';
import { compareBytes } from '@coracle/apimachinery';

/** What one attempt to empty a namespace found. */
export interface DeletionReport {
  /** `group/version` of servers that did not say what they serve. */
  readonly undiscovered: readonly string[];
  /** Messages of what could not be deleted. */
  readonly failures: readonly string[];
  /** Objects left, by `resource.group`; the core group leaves `pods.`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Objects left, by the finalizer that they wait for. */
  readonly finalizers: ReadonlyMap<string, number>;
}

interface Finding {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** What users read off a namespace that does not go away (pkg/controller/namespace/deletion status_condition_utils.go). */
export function deletionConditions({ undiscovered, failures, remaining, finalizers }: DeletionReport): readonly Finding[] {
  const distinct = [...new Set(failures)].sort(compareBytes);
  return [
    undiscovered.length > 0
      ? problem(
          'NamespaceDeletionDiscoveryFailure',
          'DiscoveryFailed',
          `Discovery failed for some groups, ${undiscovered.length} failing: unable to retrieve the complete list of server APIs: ${undiscovered.join(', ')}`,
        )
      : fine('NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'),
    fine('NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'),
    distinct.length > 0
      ? problem(
          'NamespaceDeletionContentFailure',
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${distinct.length} remaining: ${distinct.join(', ')}`,
        )
      : fine('NamespaceDeletionContentFailure', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'),
    remaining.size > 0
      ? problem('NamespaceContentRemaining', 'SomeResourcesRemain', `Some resources are remaining: ${counted(remaining, 'has')}`)
      : fine('NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'),
    finalizers.size > 0
      ? problem(
          'NamespaceFinalizersRemaining',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${counted(finalizers, 'in')}`,
        )
      : fine('NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
  ];
}

/** The conditions of `namespace` brought up to date; undefined when they say all of it already. */
export function updatedConditions(
  namespace: Namespace,
  findings: readonly Finding[],
  now: string,
): readonly NamespaceCondition[] | undefined {
  const conditions = [...(namespace.status?.conditions ?? [])];
  let changed = false;
  for (const finding of findings) {
    const at = conditions.findIndex(({ type }) => type === finding.type);
    const old = conditions[at];
    if (old !== undefined && old.status === finding.status && old.reason === finding.reason && old.message === finding.message) continue;
    changed = true;
    const lastTransitionTime = old?.status === finding.status ? (old.lastTransitionTime ?? now) : now;
    const condition = { ...finding, lastTransitionTime };
    if (old === undefined) conditions.push(condition);
    else conditions[at] = condition;
  }
  return changed ? conditions : undefined;
}

function problem(type: string, reason: string, message: string): Finding {
  return { type, status: 'True', reason, message };
}

function fine(type: string, reason: string, message: string): Finding {
  return { type, status: 'False', reason, message };
}

function counted(counts: ReadonlyMap<string, number>, verb: string): string {
  const texts = [...counts].map(([name, count]) => `${name} ${verb} ${count} resource instances`);
  return texts.sort(compareBytes).join(', ');
}
