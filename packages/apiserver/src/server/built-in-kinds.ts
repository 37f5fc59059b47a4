import { builtInTypes, goValue, strategicMergePatch, StrategicMergeError } from '@coracle/api';
import { FieldError, newInvalid, newStatusError, type Unstructured } from '@coracle/apimachinery';
import { customResourceDefinitionHooks } from '../crd/custom-resource-definition.ts';
import { kindHooks } from '../kinds/kinds.ts';
import { cellsOf } from '../printers/cells.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ApiObject, ResourceDefinition, StrategicMerge } from '../registry/definition.ts';

let made: readonly ResourceDefinition[] | undefined;

/**
 * The kinds that come with every server, without the subresources whose handlers are the server's own. They are facts and pure
 * functions, so that all servers of a process share them.
 */
export function builtInKinds(): readonly ResourceDefinition[] {
  made ??= builtInDefinitions({
    table: builtInTypes,
    hooks: { ...kindHooks, 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(builtInTypes) },
    cells: cellsOf,
    strategicMerge: strategicMergeOf,
  });
  return made;
}

function strategicMergeOf(type: string): StrategicMerge {
  return (current: ApiObject, patch: unknown): Unstructured => {
    try {
      return strategicMergePatch(builtInTypes, type, current, patch) as Unstructured; // decoded before it is used
    } catch (error) {
      if (!(error instanceof StrategicMergeError)) throw error;
      if (error.code === 422) throw newInvalid({ group: '', kind: '' }, '', [FieldError.invalid('patch', goValue(patch), error.message)]);
      throw newStatusError(error.code, error.code === 400 ? 'BadRequest' : '', error.message);
    }
  };
}
