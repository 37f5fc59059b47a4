import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';

/** One operation before it is committed (k8s.io/apiserver pkg/admission). `object` is absent for deletes. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly definition: ResourceDefinition;
  /** '' for the resource itself. */
  readonly subresource: string;
  readonly name: string;
  readonly object: ApiObject | undefined;
  readonly old: ApiObject | undefined;
  readonly context: RequestContext;
}

/** Mutators run in order, then defaulting again, then the validators. Refusals are StatusErrors. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Returns what to store in place of `request.object`, or undefined to leave it. */
  admit?(request: AdmissionRequest): Promise<ApiObject | undefined>;
  validate?(request: AdmissionRequest): Promise<void>;
}

export interface Admission {
  admit(request: AdmissionRequest): Promise<ApiObject>;
  validate(request: AdmissionRequest): Promise<void>;
}

/** Plug-ins as one. */
export function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  const mutating = plugins.filter((plugin) => plugin.admit !== undefined);
  const validating = plugins.filter((plugin) => plugin.validate !== undefined);
  return {
    async admit(request) {
      let { object } = request;
      for (const plugin of mutating) object = (await plugin.admit?.({ ...request, object })) ?? object;
      if (object === undefined) throw new TypeError('Mutating admission needs an object');
      return object;
    },
    async validate(request) {
      for (const plugin of validating) await plugin.validate?.(request);
    },
  };
}
