import { readFileSync } from 'node:fs';
import { type Frozen, groupVersion, isAlreadyExists, isNotFound, type KubeObject, parseGroupVersion, readYamlDocuments, YamlSyntaxError } from '@coracle/apimachinery';
import { type Clientset, DiscoveryClient, NoMatchError, RestMapper } from '@coracle/client';

/** A manifest cannot be used; the message names the file, the place and the fault. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** The objects of a YAML or JSON file. Throws ManifestError. */
export function readManifest(path: string): readonly KubeObject[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ManifestError(`Cannot read "${path}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  try {
    return readYamlDocuments(text).map((document, i) => objectOf(document, `document ${i + 1} of "${path}"`));
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw new ManifestError(`"${path}" is not valid YAML: ${error.message}`, { cause: error });
    throw error;
  }
}

function objectOf(document: unknown, where: string): KubeObject {
  const { kind, apiVersion, metadata } = (typeof document === 'object' && document !== null ? document : {}) as { kind?: unknown; apiVersion?: unknown; metadata?: { name?: unknown } };
  if (typeof kind !== 'string' || kind === '') throw new ManifestError(`${where} has no kind`);
  if (typeof apiVersion !== 'string' || apiVersion === '') throw new ManifestError(`${where} has no apiVersion`);
  if (typeof metadata?.name !== 'string' || metadata.name === '') throw new ManifestError(`${where} (${kind}) has no metadata.name`);
  return document as KubeObject; // kind, apiVersion and name are there
}

/** What became of an object of a manifest. */
export interface Applied {
  readonly object: Frozen<KubeObject>;
  readonly result: 'created' | 'unchanged';
}

/** Creates what is not there yet, in order. Throws ManifestError for a kind that is not served. */
export async function createMissing(clientset: Clientset, objects: readonly KubeObject[]): Promise<readonly Applied[]> {
  const mapper = new RestMapper(new DiscoveryClient(clientset.rest));
  const results: Applied[] = [];
  for (const object of objects) {
    const { group, version } = parseGroupVersion(object.apiVersion ?? '');
    const handle = await mapper.handleForKind({ group, version, kind: object.kind ?? '' }).catch((error: unknown) => {
      if (!(error instanceof NoMatchError)) throw error;
      throw new ManifestError(`no resource serves kind "${object.kind ?? ''}" of ${groupVersion({ group, version })}: is its CustomResourceDefinition applied?`, { cause: error });
    });
    const client = clientset.resource(handle, handle.namespaced ? (object.metadata.namespace ?? 'default') : '');
    results.push(await createOne(client, object));
  }
  return results;
}

async function createOne(client: ReturnType<Clientset['resource']>, object: KubeObject): Promise<Applied> {
  const name = object.metadata.name ?? '';
  try {
    return { object: await client.get(name), result: 'unchanged' };
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return { object: await client.create(object as never), result: 'created' }; // the handle is that of its kind
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return { object: await client.get(name), result: 'unchanged' };
  }
}
