import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';

/** An object of which only the metadata is sent (meta/v1 PartialObjectMetadata). */
export type PartialObjectMetadata = Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>;

/** Asks for an object without the rest; for the whole of it from servers that cannot leave anything out. */
export const acceptMetadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';
/** The same for a list. */
export const acceptMetadataList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

/** A server that cannot leave things out sends the whole object: its metadata is taken, if it has any. Throws TypeError. */
export function metadataOf(object: Frozen<KubeObject>): Frozen<PartialObjectMetadata> {
  const { apiVersion, kind, metadata } = object;
  if (typeof metadata !== 'object' || (metadata.name === undefined && metadata.uid === undefined)) {
    throw new TypeError('object does not appear to match the ObjectMeta schema');
  }
  return kind === 'PartialObjectMetadata' || apiVersion === undefined
    ? object
    : deepFreeze({ apiVersion, ...(kind === undefined ? {} : { kind }), metadata });
}
