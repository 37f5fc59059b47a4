import { newBadRequest } from '@coracle/apimachinery';
import type { Strategy, Subresource } from '../registry/definition.ts';

interface Finalized {
  readonly metadata?: { readonly name?: string };
  readonly spec?: { readonly finalizers?: readonly string[] };
}

/** `namespaces/NAME/finalize`: changes spec.finalizers only; the last one to go takes a deleted namespace out (upstream FinalizeREST). */
export const namespaceFinalize: Subresource = {
  name: 'finalize',
  response: { group: '', version: 'v1', kind: 'Namespace' },
  verbs: ['update'],
  async handler({ name, context, body, registry }) {
    const sent = (body ?? {}) as Finalized;
    if ((sent.metadata?.name ?? '') === '')
      throw newBadRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
    const finalizers = sent.spec?.finalizers ?? [];
    const object = await registry.update(
      context,
      name,
      (current) => ({ ...current, spec: finalizers.length === 0 ? {} : { finalizers } }),
      { strategy: finalizeStrategy },
    );
    return { status: 200, object };
  },
};

const finalizeStrategy: Strategy = { allowUnconditionalUpdate: true, validateUpdate: () => [] };
