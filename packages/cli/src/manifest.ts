import { readFileSync, statSync } from 'node:fs';
import { type KubeObject, readYamlStream, type YamlDocument, YamlSyntaxError } from '@coracle/apimachinery';

/** A manifest cannot be used; the message names the file, the place and the fault. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** An object of a manifest, and where it stands, for messages. */
export interface ManifestObject {
  readonly object: KubeObject;
  /** `document 2 of "FILE" (line 14)` */
  readonly where: string;
}

/** Larger files are not read: no manifest comes near. */
const maxBytes = 64 * 1024 * 1024;

/** The objects of a YAML or JSON file; those of a List one by one. Throws ManifestError. */
export function readManifest(path: string): readonly ManifestObject[] {
  const objects = documentsOf(path, textOf(path)).flatMap(({ value, line, duplicates: [duplicate] }, i) => {
    const where = `document ${i + 1} of "${path}" (line ${line})`;
    if (duplicate !== undefined) throw new ManifestError(`${where}: ${duplicate.message}`);
    return objectsOf(value, where);
  });
  if (objects.length === 0) throw new ManifestError(`"${path}" holds no objects`);
  return objects;
}

function textOf(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new ManifestError(`Cannot read "${path}": it is a directory; name one file`);
    if (!stat.isFile() && !stat.isFIFO()) throw new ManifestError(`Cannot read "${path}": it is not a file`);
    if (stat.size > maxBytes) throw new ManifestError(`Cannot read "${path}": it has ${stat.size} bytes, and ${maxBytes} are the limit`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw new ManifestError(`Cannot read "${path}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function documentsOf(path: string, text: string): readonly YamlDocument[] {
  try {
    return readYamlStream(text);
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw new ManifestError(`"${path}" is not valid YAML: ${error.message}`, { cause: error });
    throw error;
  }
}

function objectsOf(value: unknown, where: string): readonly ManifestObject[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ManifestError(`${where} is not an object, but ${Array.isArray(value) ? 'a list' : `a ${typeof value}`}`);
  const { kind, apiVersion, metadata, items } = value as { kind?: unknown; apiVersion?: unknown; metadata?: unknown; items?: unknown }; // checked below
  if (typeof kind !== 'string' || kind === '') throw new ManifestError(`${where} has no kind`);
  if (typeof apiVersion !== 'string' || apiVersion === '') throw new ManifestError(`${where} (${kind}) has no apiVersion`);
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap((item, i) => objectsOf(item, `item ${i + 1} in ${where}`));
  const name = typeof metadata === 'object' && metadata !== null && 'name' in metadata ? metadata.name : undefined;
  if (typeof name !== 'string' || name === '') throw new ManifestError(`${where} (${kind}) has no metadata.name`);
  return [{ object: value as KubeObject, where }]; // kind, apiVersion and name are there
}
