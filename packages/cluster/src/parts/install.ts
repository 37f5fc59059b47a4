import { type PreparedResource, prepareObjects, writeMissing } from '@coracle/apiserver';
import type { Cluster } from '../cluster.ts';
import { partsText } from './parts.generated.ts';

let parts: readonly PreparedResource[] | undefined;

/** What the parts need to be there: the default class of volumes, the definition of TidbClusters, the operator's rights. */
export function partObjects(): readonly PreparedResource[] {
  parts ??= prepareObjects(partsText);
  return parts;
}

/** Writes of `partObjects()` what is not there yet. */
export async function installParts({ server }: Cluster): Promise<void> {
  await writeMissing(server, partObjects());
}
