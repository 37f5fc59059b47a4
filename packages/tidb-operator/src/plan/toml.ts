/**
 * An object as TOML text: plain keys before tables, both sorted, two spaces for each level of table, an empty line before
 * a top-level table. The order and indentation are part of the name of a ConfigMap (see config-map.ts), so they are format.
 * Throws TypeError for what TOML cannot say (null).
 */
export function toToml(root: Readonly<Record<string, unknown>>): string {
  return table(root, []);
}

function table(members: Readonly<Record<string, unknown>>, path: readonly string[]): string {
  const entries = Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1));
  const indent = '  '.repeat(path.length);
  let text = '';
  for (const [key, value] of entries) if (!isTable(value)) text += `${indent}${keyText(key)} = ${valueText(value, [...path, key])}\n`;
  for (const [key, value] of entries) {
    if (!isTable(value)) continue;
    const at = [...path, key];
    if (path.length === 0 && text !== '') text += '\n';
    text += `${indent}[${at.map(keyText).join('.')}]\n${table(value, at)}`;
  }
  return text;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : stringText(key);
}

function valueText(value: unknown, at: readonly string[]): string {
  if (typeof value === 'string') return stringText(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isInteger(value) || !Number.isFinite(value) ? wholeOrSpecial(value) : String(value);
  if (Array.isArray(value)) return `[${value.map((item) => valueText(item, at)).join(', ')}]`;
  if (isTable(value)) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, member]) => `${keyText(key)} = ${valueText(member, [...at, key])}`).join(', ')}}`;
  }
  throw new TypeError(`Cannot write ${String(value)} at "${at.join('.')}" as TOML`);
}

function wholeOrSpecial(value: number): string {
  return Number.isNaN(value) ? 'nan' : Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}

/** A TOML basic string; JSON's escapes are a subset of TOML's except for U+007F. */
function stringText(value: string): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007F');
}
