import { goValue, strategicMergePatch, StrategicMergeError, TypeTable } from '@coracle/api';
import { FieldError, newInvalid, newStatusError, type Unstructured } from '@coracle/apimachinery';
import { type AdmissionPlugin, admissionChain } from '../admission/admission.ts';
import { builtInDefinitions } from '../registry/built-in.ts';
import type { ApiObject, StrategicMerge, Subresource } from '../registry/definition.ts';
import type { Cells, KindHooks } from '../registry/kind-hooks.ts';
import { bindings } from '../subresources/pod-binding.ts';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import { protobufForm } from './protobuf.ts';
import { type ActionDefinition, Resources } from './resources.ts';

export interface CreateApiServerOptions extends Omit<ApiServerOptions, 'resources'> {
  readonly hooks?: Readonly<Record<string, KindHooks>>;
  readonly cells?: Readonly<Record<string, Cells>>;
  readonly subresources?: Readonly<Record<string, readonly Subresource[]>>;
  readonly actions?: readonly ActionDefinition[];
  /** In order; those that change objects run before those that only judge them. */
  readonly admission?: readonly AdmissionPlugin[];
  readonly table?: TypeTable;
}

/** An API server with the built-in kinds. Nothing listens yet, nothing is stored yet. */
export function createApiServer(options: CreateApiServerOptions): ApiServer {
  const { hooks = {}, cells = {}, subresources = {}, actions = [], admission = [], table = new TypeTable(), ...rest } = options;
  const resources = new Resources(admissionChain(admission));
  for (const definition of builtInDefinitions({
    table,
    hooks,
    cells,
    subresources,
    strategicMerge: (type) => strategicMergeOf(table, type),
  }))
    resources.add(definition);
  const pods = resources.registry('', 'v1', 'pods');
  if (pods !== undefined) resources.addAction(bindings(() => pods));
  for (const action of actions) resources.addAction(action);
  return new ApiServer({ protobuf: protobufForm(table), ...rest, resources });
}

function strategicMergeOf(table: TypeTable, type: string): StrategicMerge {
  return (current: ApiObject, patch: unknown): Unstructured => {
    try {
      return strategicMergePatch(table, type, current, patch) as Unstructured; // decoded before it is used
    } catch (error) {
      if (!(error instanceof StrategicMergeError)) throw error;
      if (error.code === 422) throw newInvalid({ group: '', kind: '' }, '', [FieldError.invalid('patch', goValue(patch), error.message)]);
      throw newStatusError(error.code, error.code === 400 ? 'BadRequest' : '', error.message);
    }
  };
}
