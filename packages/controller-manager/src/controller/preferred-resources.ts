import type { ApiResource, Discovery } from '@coracle/client';

/**
 * Each resource once, in the version that its group prefers, if that serves it, else in the next (client-go discovery
 * ServerPreferredResources): the same objects stand behind all versions.
 */
export function preferredResources(discovery: Discovery): readonly ApiResource[] {
  const order = new Map<string, number>();
  for (const { name, versions } of discovery.groups) for (const [i, version] of versions.entries()) order.set(`${name}/${version}`, i);
  const rank = (row: ApiResource): number => order.get(`${row.group}/${row.version}`) ?? Number.MAX_SAFE_INTEGER;
  const preferred = new Map<string, ApiResource>();
  for (const row of discovery.resources) {
    const key = `${row.group}/${row.resource}`;
    const known = preferred.get(key);
    if (known === undefined || rank(row) < rank(known)) preferred.set(key, row);
  }
  return [...preferred.values()];
}
