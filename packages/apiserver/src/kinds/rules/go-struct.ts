/**
 * Messages show some values as Go prints the server's internal structs: all fields in the struct's order, under Go's names.
 * A shape lists them: Go's name, the wire's name, and what the field holds, or its zero value (default: null, as for pointers).
 */
export type GoShape = readonly GoField[];
export type GoField = readonly [goName: string, wireName: string, inner?: GoInner];
export type GoInner = { readonly zero: unknown } | { readonly of: GoShape; readonly pointer?: boolean } | { readonly list: GoShape };

export const emptyText: GoInner = { zero: '' };
export const falseFlag: GoInner = { zero: false };
export const zeroNumber: GoInner = { zero: 0 };

export function goStruct(shape: GoShape, value: object): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [goName, wireName, inner] of shape) {
    const found = (value as Readonly<Record<string, unknown>>)[wireName] ?? undefined;
    out[goName] = shown(inner, found);
  }
  return out;
}

function shown(inner: GoInner | undefined, found: unknown): unknown {
  if (inner === undefined) return found ?? null;
  if ('zero' in inner) return found ?? inner.zero;
  if ('list' in inner) return Array.isArray(found) ? found.map((item: object) => goStruct(inner.list, item)) : null;
  if (found === undefined && inner.pointer !== false) return null;
  return goStruct(inner.of, (found ?? {}) as object); // a member of a wire object that is a struct in Go
}
