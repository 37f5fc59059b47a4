import { hasOwn } from '@coracle/apimachinery';
import type { JsonSchema } from './json-schema.ts';

/** Where a path leads in a schema, or why nowhere, in upstream's words. */
export type SchemaPlace = { readonly schema: JsonSchema; readonly names: readonly string[] } | { readonly fault: string };

/**
 * Follows `.spec.size` or `.labels['app']` through a schema (apiextensions-apiserver pkg/apiserver/schema/cel ValidFieldPath).
 * `brackets`: whether the second form is allowed.
 */
export function schemaAt(path: string, root: JsonSchema, { brackets }: { readonly brackets: boolean }): SchemaPlace {
  // Delimiters, quoted names, and whatever is between delimiters.
  const tokens = path.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/gs) ?? [];
  const names: string[] = [];
  let schema: JsonSchema = root;
  for (let i = 0; i < tokens.length; ) {
    const delimiter = tokens[i] ?? '';
    if (delimiter !== '.' && delimiter !== '[') return { fault: `expected [ or . but got: ${delimiter}` };
    if (delimiter === '[' && !brackets) return { fault: 'array notation is not allowed' };
    const token = tokens[i + 1];
    if (token === undefined) return { fault: 'unexpected end of JSON path' };
    const isQuoted = token.length >= 2 && token.startsWith("'") && token.endsWith("'");
    if (delimiter === '[' && !isQuoted) return { fault: `expected single quoted string but got ${token}` };
    const name = delimiter === '[' ? token.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : token;
    const inner = innerSchema(schema, name);
    if (inner === undefined) return { fault: 'does not refer to a valid field' };
    if (delimiter === '[' && tokens[i + 2] !== ']') {
      return { fault: tokens[i + 2] === undefined ? 'unexpected end of JSON path' : `expected ] but got ${tokens[i + 2]}` };
    }
    names.push(name);
    schema = inner;
    i += delimiter === '[' ? 3 : 2;
  }
  return { schema, names };
}

function innerSchema(schema: JsonSchema, name: string): JsonSchema | undefined {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined) return hasOwn(properties, name) ? properties[name] : undefined;
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}
