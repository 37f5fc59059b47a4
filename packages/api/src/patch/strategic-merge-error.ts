import { goText, goType, goValue } from './go-value.ts';

/** A strategic merge patch cannot be applied. `message` is upstream's (apimachinery pkg/util/mergepatch errors.go). */
export class StrategicMergeError extends Error {
  override readonly name = 'StrategicMergeError';
  /** The answer's HTTP code: 400 and 422 for patches of a wrong form, 500 for all else. */
  readonly code: 400 | 422 | 500;

  constructor(message: string, code: 400 | 422 | 500 = 500) {
    super(message);
    this.code = code;
  }
}

export function wrongType(wanted: 'map[string]interface {}' | '[]interface {}', value: unknown): StrategicMergeError {
  return new StrategicMergeError(`expected a ${wanted}, but received a ${goType(value)}`);
}

export function noMergeKey(item: unknown, mergeKey: string): StrategicMergeError {
  return new StrategicMergeError(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
}

export function unknownDirective(directive: unknown, map: unknown): StrategicMergeError {
  return new StrategicMergeError(`unknown patch type: ${goText(directive)} in map: ${goValue(map)}`);
}
