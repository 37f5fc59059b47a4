import { goJson, goQuote } from './quote.ts';

/** Kinds of faults; with `FieldValue` before it, the cause's reason (apimachinery pkg/util/validation/field ErrorType). */
export type FieldErrorType =
  | 'NotFound'
  | 'Required'
  | 'Duplicate'
  | 'Invalid'
  | 'NotSupported'
  | 'Forbidden'
  | 'TooLong'
  | 'TooShort'
  | 'TooMany'
  | 'TooFew'
  | 'TypeInvalid'
  | 'InternalError';

/** What a fault consists of: enough for `newInvalid`. */
export interface FieldFault {
  readonly type: FieldErrorType;
  /** Path of the field: `spec.containers[0].name`. */
  readonly field: string;
  /** The value found there, as it shall be shown; `omitValue` where it shall not. */
  readonly badValue?: unknown;
  readonly detail: string;
}

/** As a bad value: the message does not show the value. */
export const omitValue: unique symbol = Symbol('omit the value');

const heads: Readonly<Record<FieldErrorType, string>> = {
  NotFound: 'Not found',
  Required: 'Required value',
  Duplicate: 'Duplicate value',
  Invalid: 'Invalid value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  TooLong: 'Too long',
  TooShort: 'Too short',
  TooMany: 'Too many',
  TooFew: 'Too few',
  TypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
};

const withoutValue: ReadonlySet<FieldErrorType> = new Set(['Required', 'Forbidden', 'TooLong', 'TooShort', 'InternalError']);

/** The message without the path: what a cause of a Status shows. */
export function fieldErrorBody({ type, badValue, detail }: FieldFault): string {
  const head = withoutValue.has(type) || badValue === omitValue ? heads[type] : `${heads[type]}: ${shown(badValue)}`;
  return detail === '' ? head : `${head}: ${detail}`;
}

/** `FieldValueInvalid`: how a cause of a Status names the kind of fault. */
export function fieldErrorReason(type: FieldErrorType): string {
  return type === 'InternalError' ? type : `FieldValue${type}`;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  return value === undefined ? 'null' : goJson(value);
}

/** One fault of one field, made by the functions that are named as upstream's (field.Invalid and so on). */
export class FieldError implements FieldFault {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly badValue: unknown;
  readonly detail: string;

  constructor({ type, field, badValue, detail }: FieldFault) {
    this.type = type;
    this.field = field;
    this.badValue = badValue;
    this.detail = detail;
  }

  /** The message without the path. */
  get body(): string {
    return fieldErrorBody(this);
  }

  /** `field: body`. */
  get text(): string {
    return `${this.field}: ${this.body}`;
  }

  static required(field: string, detail = ''): FieldError {
    return new FieldError({ type: 'Required', field, badValue: '', detail });
  }

  static invalid(field: string, badValue: unknown, detail: string): FieldError {
    return new FieldError({ type: 'Invalid', field, badValue, detail });
  }

  static typeInvalid(field: string, badValue: unknown, detail: string): FieldError {
    return new FieldError({ type: 'TypeInvalid', field, badValue, detail });
  }

  static notFound(field: string, badValue: unknown): FieldError {
    return new FieldError({ type: 'NotFound', field, badValue, detail: '' });
  }

  static duplicate(field: string, badValue: unknown): FieldError {
    return new FieldError({ type: 'Duplicate', field, badValue, detail: '' });
  }

  static forbidden(field: string, detail: string): FieldError {
    return new FieldError({ type: 'Forbidden', field, badValue: '', detail });
  }

  /** `supported` is listed in the order given. */
  static notSupported(field: string, badValue: unknown, supported: readonly string[]): FieldError {
    const detail = supported.length === 0 ? '' : `supported values: ${supported.map(goQuote).join(', ')}`;
    return new FieldError({ type: 'NotSupported', field, badValue, detail });
  }

  /** A limit in bytes; the value itself is never shown. */
  static tooLong(field: string, maxBytes: number): FieldError {
    const detail = `may not be more than ${counted(maxBytes, 'byte')}`;
    return new FieldError({ type: 'TooLong', field, badValue: '<value omitted>', detail });
  }

  /** Upstream's older name for the same message, which once had the value in it. */
  static tooLongMaxLength(field: string, _badValue: unknown, maxBytes: number): FieldError {
    return FieldError.tooLong(field, maxBytes);
  }

  static tooLongCharacters(field: string, maxCharacters: number): FieldError {
    const detail = `may not be more than ${counted(maxCharacters, 'character')}`;
    return new FieldError({ type: 'TooLong', field, badValue: '<value omitted>', detail });
  }

  static tooMany(field: string, actual: number, max: number): FieldError {
    return new FieldError({ type: 'TooMany', field, badValue: actual, detail: `must have at most ${counted(max, 'item')}` });
  }

  static internal(field: string, detail: string): FieldError {
    return new FieldError({ type: 'InternalError', field, badValue: detail, detail });
  }
}

function counted(n: number, unit: string): string {
  return `${n} ${unit}${n === 1 ? '' : 's'}`;
}
