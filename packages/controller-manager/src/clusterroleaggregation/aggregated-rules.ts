import type { ClusterRole, PolicyRule } from '@coracle/api';
import { compareBytes, type Frozen, labelMatcher, semanticEqual } from '@coracle/apimachinery';

/**
 * The rules that `role` collects by its aggregationRule: selector by selector, those of each role in order of name, each rule
 * once. A role never collects from itself. Undefined for roles that collect nothing. Throws for a selector that is none.
 */
export function aggregatedRules(role: Frozen<ClusterRole>, all: readonly Frozen<ClusterRole>[]): readonly Frozen<PolicyRule>[] | undefined {
  const { aggregationRule, metadata } = role;
  if (aggregationRule === undefined) return undefined;
  const collected: Frozen<PolicyRule>[] = [];
  const others = all
    .filter((other) => other.metadata.name !== metadata.name)
    .sort((a, b) => compareBytes(a.metadata.name ?? '', b.metadata.name ?? ''));
  for (const selector of aggregationRule.clusterRoleSelectors ?? []) {
    const matcher = labelMatcher(selector);
    for (const { rules } of others.filter((other) => matcher.matches(other.metadata.labels)))
      for (const rule of rules ?? []) if (!collected.some((one) => semanticEqual(one, rule))) collected.push(rule);
  }
  return collected;
}
