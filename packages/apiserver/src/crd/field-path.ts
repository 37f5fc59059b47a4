import { FieldError } from '@coracle/apimachinery';

/**
 * The way from the root of an object to one of its values. Written out only when there is a fault to tell, for values are many
 * and faults are few. Undefined is the root.
 */
export type FieldPath = Place | undefined;

interface Place {
  readonly parent: FieldPath;
  /** As it stands in the text: `.name`, `[3]`, `[key]`. */
  readonly step: string;
}

export function child(parent: FieldPath, name: string): FieldPath {
  return { parent, step: `.${name}` };
}

export function item(parent: FieldPath, index: number): FieldPath {
  return { parent, step: `[${index}]` };
}

/** An entry of a map, as upstream shows it where the schema says that it is one. */
export function entry(parent: FieldPath, key: string): FieldPath {
  return { parent, step: `[${key}]` };
}

/** `spec.containers[0].name`; '' for the root. */
export function pathText(path: FieldPath): string {
  let text = '';
  for (let place = path; place !== undefined; place = place.parent) text = place.step + text;
  return text.startsWith('.') ? text.slice(1) : text;
}

/** `pathText` in a message, where the root is Go's nil. */
export function shownPath(path: FieldPath): string {
  return path === undefined ? '<nil>' : pathText(path);
}

/** The same fault of a field elsewhere: of what is checked by itself and lies inside something else. */
export function movedFault({ type, badValue, detail }: FieldError, field: string): FieldError {
  return new FieldError({ type, field, badValue, detail });
}
