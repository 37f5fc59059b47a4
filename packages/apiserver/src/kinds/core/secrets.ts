import type { Secret } from '@coracle/api';
import { mapFrom } from '@coracle/apimachinery';
import { defaulted } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

export const secrets: KindHooks = hooksFor<Secret>({
  default: (secret) => defaulted(withStrings(secret), { type: 'Opaque' }),
  strategy: {},
  selectableFields: { type: selectable((secret) => secret.type) },
});

/** `stringData` is a way to write `data`: it wins over what is there, and is never stored. */
function withStrings(secret: Secret): Secret {
  const { stringData, ...rest } = secret;
  if (stringData === undefined) return secret;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  return { ...rest, data: mapFrom([...Object.entries(secret.data ?? {}), ...encoded]) };
}
