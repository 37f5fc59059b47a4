/** Kinds of validation errors; the value is the cause's `reason` (apimachinery pkg/util/validation/field). */
export type FieldErrorReason =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

/** One fault of one field. `field` is a path like `spec.containers[0].name`. */
export interface FieldError {
  readonly reason: FieldErrorReason;
  readonly field: string;
  /** The message without the path: what a Status cause shows. */
  readonly body: string;
  /** `field: body`. */
  readonly text: string;
}

function make(reason: FieldErrorReason, field: string, head: string, detail: string): FieldError {
  const body = detail === '' ? head : `${head}: ${detail}`;
  return { reason, field, body, text: `${field}: ${body}` };
}

/** How Go prints the value in a message: strings quoted, numbers and booleans plain, the rest as JSON. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

export const FieldErrors = {
  required: (field: string, detail = ''): FieldError => make('FieldValueRequired', field, 'Required value', detail),
  invalid: (field: string, value: unknown, detail: string): FieldError =>
    make('FieldValueInvalid', field, `Invalid value: ${shown(value)}`, detail),
  notFound: (field: string, value: unknown): FieldError => make('FieldValueNotFound', field, `Not found: ${shown(value)}`, ''),
  duplicate: (field: string, value: unknown): FieldError =>
    make('FieldValueDuplicate', field, `Duplicate value: ${shown(value)}`, ''),
  forbidden: (field: string, detail: string): FieldError => make('FieldValueForbidden', field, 'Forbidden', detail),
  notSupported: (field: string, value: unknown, supported: readonly string[]): FieldError =>
    make(
      'FieldValueNotSupported',
      field,
      `Unsupported value: ${shown(value)}`,
      supported.length === 0 ? '' : `supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`,
    ),
  tooLong: (field: string, maxBytes: number): FieldError =>
    make('FieldValueTooLong', field, 'Too long', `may not be more than ${maxBytes} bytes`),
  tooMany: (field: string, actual: number, max: number): FieldError =>
    make('FieldValueTooMany', field, `Too many: ${actual}`, `must have at most ${max} items`),
  typeInvalid: (field: string, value: unknown, detail: string): FieldError =>
    make('FieldValueTypeInvalid', field, `Invalid value: ${shown(value)}`, detail),
  internal: (field: string, detail: string): FieldError => make('InternalError', field, 'Internal error', detail),
} as const;
