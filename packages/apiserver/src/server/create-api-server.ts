import { type AdmissionPlugin, admissionChain } from '../admission/admission.ts';
import type { ResourceDefinition, Subresource } from '../registry/definition.ts';
import { bindings } from '../subresources/pod-binding.ts';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import { builtInKinds } from './built-in-kinds.ts';
import { type ActionDefinition, Resources } from './resources.ts';

export interface CreateApiServerOptions extends Omit<ApiServerOptions, 'resources'> {
  /** Those with a handler, by `group/resource`. Others than these and `status` are not served. */
  readonly subresources?: Readonly<Record<string, readonly Subresource[]>>;
  readonly actions?: readonly ActionDefinition[];
  /** In order; those that change objects run before those that only judge them. */
  readonly admission?: readonly AdmissionPlugin[];
}

/** An API server with the built-in kinds. Nothing listens yet, nothing is stored yet. */
export function createApiServer(options: CreateApiServerOptions): ApiServer {
  const { subresources = {}, actions = [], admission = [], ...rest } = options;
  const resources = new Resources(admissionChain(admission));
  for (const definition of builtInKinds())
    resources.add(withSubresources(definition, subresources[`${definition.group}/${definition.resource}`]));
  const pods = resources.registry('', 'v1', 'pods');
  if (pods !== undefined) resources.addAction(bindings(() => pods));
  for (const action of actions) resources.addAction(action);
  return new ApiServer({ ...rest, resources });
}

function withSubresources(definition: ResourceDefinition, offered: readonly Subresource[] | undefined): ResourceDefinition {
  if (offered === undefined) return definition;
  return { ...definition, subresources: { ...definition.subresources, ...Object.fromEntries(offered.map((one) => [one.name, one])) } };
}
