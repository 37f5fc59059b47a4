import { type JwtKeys, jwtKeys, type JwtMethod, jwtMethods } from '@coracle/etcd';
import { durationMs } from './duration.ts';
import { UsageError } from './flags.ts';
import { pem } from './pem.ts';

const defaultTtl = '5m';
const options = ['sign-method', 'pub-key', 'priv-key', 'ttl'] as const;

/** etcd's --auth-token: "simple", or "jwt" with its options. Throws UsageError. */
export function authTokens(text: string): { readonly jwt?: JwtKeys } {
  const [kind, ...given] = text.split(',');
  if (kind !== 'simple' && kind !== 'jwt') throw new UsageError(`"${text}" is no --auth-token: simple, or jwt,sign-method=METHOD,…`);
  const values = new Map<string, string>();
  for (const option of given) {
    const [name = '', value, more] = option.split('=');
    if (value === undefined || more !== undefined) throw new UsageError(`"${option}" is no option of --auth-token: NAME=VALUE`);
    if (values.has(name)) throw new UsageError(`--auth-token has "${name}" twice`);
    if (!options.some((known) => known === name)) throw new UsageError(`--auth-token knows no "${name}": ${options.join(', ')}`);
    values.set(name, value);
  }
  return kind === 'simple' ? {} : { jwt: keysOf(values) };
}

function keysOf(values: ReadonlyMap<string, string>): JwtKeys {
  const wanted = values.get('sign-method');
  const method = jwtMethods.find((known): known is JwtMethod => known === wanted);
  if (method === undefined) throw new UsageError(`--auth-token signs by no "${wanted ?? ''}": ${jwtMethods.join(', ')}`);
  const fileOf = (name: string): string | undefined => {
    const path = values.get(name);
    return path === undefined ? undefined : pem(`auth-token ${name}`, path);
  };
  const [privateKey, publicKey] = [fileOf('priv-key'), fileOf('pub-key')];
  try {
    return jwtKeys({
      method,
      ttlMs: durationMs(values.get('ttl') ?? defaultTtl),
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(publicKey === undefined ? {} : { publicKey }),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`keys of --auth-token: ${error.message}`);
    throw error;
  }
}
