import type { ValidationRule } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { child, type FieldPath, item, pathText } from './field-path.ts';
import type { JsonSchema } from './json-schema.ts';
import { schemaAt } from './schema-field-path.ts';

const reasons: readonly string[] = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/**
 * Faults of `x-kubernetes-validations` that show without compiling the expressions: what is missing, empty or in two lines. The
 * expressions are kept and served, and not evaluated.
 */
export function ruleFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.flatMap((rule, i) => faultsOf(rule, schema, item(child(path, 'x-kubernetes-validations'), i)));
}

function faultsOf(rule: ValidationRule, schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const { messageExpression = '', reason, fieldPath = '' } = rule;
  const at = (field: string): string => pathText(child(path, field));
  const faults: FieldError[] = [...textFaults(rule, at)];
  if (messageExpression !== '' && isBlank(messageExpression)) {
    faults.push(FieldError.required(at('messageExpression'), 'messageExpression must be non-empty if specified'));
  }
  if (reason !== undefined && !reasons.includes(reason)) faults.push(FieldError.notSupported(at('reason'), reason, reasons));
  if (fieldPath === '') return faults;
  if (isBlank(fieldPath)) faults.push(FieldError.invalid(at('fieldPath'), fieldPath, 'must be non-empty if specified'));
  if (hasLineBreak(fieldPath)) faults.push(FieldError.invalid(at('fieldPath'), fieldPath, 'must not contain line breaks'));
  if ('fault' in schemaAt(fieldPath, schema, { brackets: true }))
    faults.push(FieldError.invalid(at('fieldPath'), fieldPath, 'must be a valid path'));
  return faults;
}

/** At most one of these is told. */
function textFaults({ rule: text, message = '' }: ValidationRule, at: (field: string) => string): readonly FieldError[] {
  if (isBlank(text)) return [FieldError.required(at('rule'), 'rule is not specified')];
  if (message !== '' && isBlank(message)) return [FieldError.invalid(at('message'), message, 'must be non-empty if specified')];
  if (hasLineBreak(message.trim())) return [FieldError.invalid(at('message'), message, 'must not contain line breaks')];
  if (hasLineBreak(text.trim()) && isBlank(message)) {
    return [FieldError.required(at('message'), 'message must be specified if rule contains line breaks')];
  }
  return [];
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}

function hasLineBreak(text: string): boolean {
  return /[\n\r]/.test(text);
}
