import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';

/** What plug-ins know of the resource that a request is for; of some, such as `bindings`, nothing is stored. */
export type AdmittedResource = Pick<ResourceDefinition, 'group' | 'version' | 'resource' | 'kind' | 'namespaced'>;

/** One operation before it is committed (k8s.io/apiserver pkg/admission). `object` is absent for deletes. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly definition: AdmittedResource;
  /** '' for the resource itself. What is created below an object is `object`, of the subresource's kind and as it was sent. */
  readonly subresource: string;
  readonly name: string;
  readonly object: ApiObject | undefined;
  readonly old: ApiObject | undefined;
  readonly context: RequestContext;
}

/** Mutators run in order, then defaulting again, then the validators. Refusals are StatusErrors. */
export interface AdmissionPlugin {
  readonly name: string;
  /**
   * Returns what to store in place of `request.object`, or undefined to leave it. Most plug-ins have nothing to say of most requests:
   * they answer at once, and only what has to be waited for is a promise.
   */
  admit?(request: AdmissionRequest): Promise<ApiObject | undefined> | ApiObject | undefined;
  validate?(request: AdmissionRequest): Promise<void> | void;
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
      let asked = request;
      for (const plugin of mutating) {
        const answer = plugin.admit?.(asked);
        const object = answer instanceof Promise ? await answer : answer;
        if (object !== undefined) asked = { ...asked, object };
      }
      if (asked.object === undefined) throw new TypeError('Mutating admission needs an object');
      return asked.object;
    },
    async validate(request) {
      for (const plugin of validating) {
        const answer = plugin.validate?.(request);
        if (answer instanceof Promise) await answer;
      }
    },
  };
}

/** What becomes of something new that is not stored as it was sent: a subresource's, or that of a resource which only does something. */
export async function admitCreate(
  admission: Admission,
  created: Pick<AdmissionRequest, 'definition' | 'subresource' | 'name' | 'context'> & { readonly object: ApiObject },
): Promise<ApiObject> {
  const request = { ...created, operation: 'CREATE', old: undefined } as const;
  const object = await admission.admit(request);
  await admission.validate({ ...request, object });
  return object;
}
