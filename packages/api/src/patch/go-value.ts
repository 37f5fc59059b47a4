import { compareBytes } from '@coracle/apimachinery';

/** Decoded JSON as Go's fmt prints it with %v: `map[a:1 b:[x y] c:<nil>]`, keys in order of their bytes. */
export function goValue(value: unknown): string {
  return print(value, goScalar);
}

/** The same with %s, which marks what is not text: `%!s(int64=1)`. */
export function goText(value: unknown): string {
  return print(value, (scalar) =>
    typeof scalar === 'string' ? scalar : scalar === null ? '%!s(<nil>)' : `%!s(${goType(scalar)}=${goScalar(scalar)})`,
  );
}

/** Name of the Go type into which apimachinery's JSON reader puts `value` when no struct says otherwise. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int64';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    default:
      return value === null || value === undefined ? '%!s(<nil>)' : 'map[string]interface {}';
  }
}

function print(value: unknown, scalar: (value: unknown) => string): string {
  if (Array.isArray(value)) return `[${value.map((item) => print(item, scalar)).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return scalar(value);
  const members = Object.entries(value).sort(([a], [b]) => compareBytes(a, b));
  return `map[${members.map(([key, member]) => `${key}:${print(member, scalar)}`).join(' ')}]`;
}

function goScalar(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return goNumber(value);
    case 'string':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      return '<nil>';
  }
}

/** %v of a float64 has an exponent of two digits below 1e-4 and from 1e21 on. */
function goNumber(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e21)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
