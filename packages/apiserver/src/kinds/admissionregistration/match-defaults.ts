import type { MatchResources } from '@coracle/api';
import { defaulted, inEach, inField } from '../defaulted.ts';

/** Rules apply to resources of any scope unless they say which. */
export function defaultRules<R extends { readonly scope?: string }>(rules: readonly R[]): readonly R[] {
  return inEach(rules, (rule) => defaulted<{ readonly scope?: string }>(rule, { scope: '*' }) as R);
}

export function defaultMatch(match: MatchResources): MatchResources {
  let result = defaulted(match, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} });
  result = inField(result, 'resourceRules', defaultRules);
  return inField(result, 'excludeResourceRules', defaultRules);
}
