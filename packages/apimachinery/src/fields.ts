import { newBadRequest } from './status-errors.ts';

/** One term of a field selector: the field at this path has this value, or has another. */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** `metadata.name=a,status.phase!=Running` → requirements, all of which must hold (apimachinery pkg/fields). Throws a 400. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => {
      const [, field, operator, value = ''] = /^(.*?)(!=|==|=)(.*)$/s.exec(term) ?? [];
      if (field === undefined) throw newBadRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      return { field, operator: operator === '!=' ? '!=' : '=', value: unescaped(value) };
    });
}

/** Splits at commas that no backslash escapes. */
function splitTerms(text: string): readonly string[] {
  return text.match(/(?:\\.|[^,])+/gs) ?? [];
}

function unescaped(value: string): string {
  return value.replace(/\\?[\s\S]/gu, (part) => {
    if (part === '\\\\' || part === '\\,' || part === '\\=') return part.slice(1);
    if (part.startsWith('\\')) throw newBadRequest(`invalid field selector: invalid escape sequence: ${part}`);
    // Upstream prints the number of the character.
    if (part === '=') throw newBadRequest(`invalid field selector: unescaped character in value: ${part.charCodeAt(0)}`);
    return part;
  });
}
