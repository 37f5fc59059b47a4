import type { AuthInfo, Cluster, Context, Kubeconfig } from './kubeconfig.ts';

/**
 * `source` laid over `target`, member by member: what says nothing (an empty text, list, map, or false) changes nothing, maps are joined
 * key by key, all else is replaced as a whole (client-go tools/clientcmd merge).
 */
export function merged<T extends Kubeconfig | Cluster | AuthInfo | Context>(target: T, source: Partial<T> | undefined): T {
  if (source === undefined) return target;
  const result: Record<string, unknown> = { ...target };
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0)) continue;
    const present = result[name];
    if (value instanceof Map && present instanceof Map) result[name] = new Map([...present, ...value]);
    else if (name === 'preferences') result[name] = mergedPreferences(target as Kubeconfig, value as Kubeconfig['preferences']);
    else if (name === 'impersonateUserExtra') result[name] = { ...(present as object), ...(value as object) };
    else result[name] = value;
  }
  return result as T; // the members of T, each from one of the two
}

function mergedPreferences({ preferences }: Kubeconfig, source: Kubeconfig['preferences']): Kubeconfig['preferences'] {
  return { colors: preferences.colors || source.colors, extensions: new Map([...preferences.extensions, ...source.extensions]) };
}
