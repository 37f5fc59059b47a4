import { FieldError } from '@coracle/apimachinery';
import { effectiveFormat } from './formats.ts';
import type { JsonSchema } from './json-schema.ts';
import type { Fault } from './validation.ts';

const maxInt64 = 2n ** 63n - 1n;
const maxInt32 = 2 ** 31 - 1;
const maxFloat32 = 3.4028234663852886e38;

/** Faults of a number: its range, then multiples and bounds (kube-openapi pkg/validation/validate numberValidator). */
export function numberFaults(schema: JsonSchema, value: number | bigint, at: string): readonly Fault[] {
  const range = rangeOf(schema);
  return [
    ...rangeFaults(range, value, 'Checked', at),
    ...(schema.multipleOf === undefined ? [] : multipleFaults(range, schema.multipleOf, value, at)),
    ...(schema.minimum === undefined
      ? []
      : boundFaults(range, 'Minimum boundary', { bound: schema.minimum, isExclusive: schema.exclusiveMinimum === true }, value, at)),
    ...(schema.maximum === undefined
      ? []
      : boundFaults(range, 'Maximum boundary', { bound: schema.maximum, isExclusive: schema.exclusiveMaximum === true }, value, at)),
  ];
}

interface NumberRange {
  /** '' where a schema allows several types. */
  readonly type: string;
  readonly format: string;
}

function rangeOf(schema: JsonSchema): NumberRange {
  const type = schema['x-kubernetes-int-or-string'] === true ? '' : (schema.type ?? '');
  return type === 'integer' || type === 'number' ? { type, format: effectiveFormat(schema) ?? '' } : { type: '', format: '' };
}

function rangeFaults(range: NumberRange, value: number | bigint, what: string, at: string): readonly Fault[] {
  if (isInRange(range, value)) return [];
  const format = range.format === '' ? '(default format)' : `with format ${range.format}`;
  return [{ message: `${what} value must be of type ${range.type} ${format} in ${at}` }];
}

function isInRange({ type, format }: NumberRange, value: number | bigint): boolean {
  if (type === 'integer') {
    if (typeof value === 'number' && !Number.isInteger(value)) return false;
    if (format === 'int32') return value <= maxInt32 && value >= -maxInt32 - 1;
    const whole = BigInt(value);
    return whole <= maxInt64 && whole >= -maxInt64 - 1n;
  }
  return format !== 'float' || Math.abs(Number(value)) <= maxFloat32;
}

function multipleFaults(range: NumberRange, factor: number, value: number | bigint, at: string): readonly Fault[] {
  const faults = rangeFaults(range, factor, 'MultipleOf', at);
  if (factor <= 0) {
    const detail = `factor MultipleOf declared for ${at} must be positive: ${goFloat(factor)}`;
    return [...faults, { at, fault: (field) => FieldError.invalid(field, factor, detail) }];
  }
  const quotient = factor < 1 ? (1 / factor) * Number(value) : Number(value) / factor;
  const isMultiple = typeof value === 'bigint' && Number.isInteger(factor) ? value % BigInt(factor) === 0n : isWhole(quotient);
  if (isMultiple) return faults;
  return [
    ...faults,
    { at, fault: (field) => FieldError.invalid(field, value, `${at} in body should be a multiple of ${goFloat(factor)}`) },
  ];
}

/** As close to a whole number as sums of binary fractions are (go-openapi/swag IsFloat64AJSONInteger). */
function isWhole(value: number): boolean {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  const difference = Math.abs(value - Math.trunc(value));
  return difference === 0 || difference < 1e-9 * Math.max(1, Math.abs(value)) || 1 - difference < 1e-9;
}

function boundFaults(
  range: NumberRange,
  what: 'Minimum boundary' | 'Maximum boundary',
  { bound, isExclusive }: { readonly bound: number; readonly isExclusive: boolean },
  value: number | bigint,
  at: string,
): readonly Fault[] {
  const faults = rangeFaults(range, bound, what, at);
  const isMaximum = what === 'Maximum boundary';
  const [lesser, greater] = isMaximum ? [value, bound] : [bound, value];
  if (isExclusive ? lesser < greater : lesser <= greater) return faults;
  const relation = `${isMaximum ? 'less' : 'greater'} than${isExclusive ? '' : ' or equal to'}`;
  return [...faults, { at, fault: (field) => FieldError.invalid(field, value, `${at} in body should be ${relation} ${goFloat(bound)}`) }];
}

/** A float as Go's `%v` writes it: an exponent below 1e-4 and from 1e21 on, with two digits at least. */
function goFloat(value: number): string {
  const magnitude = Math.abs(value);
  const text = magnitude !== 0 && magnitude < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
