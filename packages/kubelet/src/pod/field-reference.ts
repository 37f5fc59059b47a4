import type { Pod } from '@coracle/api';
import { type Frozen, getOwn, goQuote, sortedEntries } from '@coracle/apimachinery';
import { ConfigError } from './pod-objects.ts';

/** What a `fieldRef` says (pkg/fieldpath ExtractFieldPathAsString). Throws ConfigError for paths that are not supported. */
export function fieldText(pod: Frozen<Pod>, fieldPath: string): string {
  const { metadata, spec, status = {} } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null) return getOwn(subscript[1] === 'labels' ? metadata.labels : metadata.annotations, subscript[2] ?? '') ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return status.hostIP ?? '';
    case 'status.hostIPs':
      return (status.hostIPs ?? []).map(({ ip }) => ip).join(',');
    case 'status.podIP':
      return status.podIP ?? '';
    case 'status.podIPs':
      return (status.podIPs ?? []).map(({ ip }) => ip).join(',');
    default:
      throw new ConfigError(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** One `key="value"` a line, keys in order. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return sortedEntries(map)
    .map(([key, value]) => `${key}=${goQuote(value)}`)
    .join('\n');
}
