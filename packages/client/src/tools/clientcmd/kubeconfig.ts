import type { ClientConfig } from '../../transport/http.ts';

export interface KubeconfigOptions {
  /** Default: the file's `current-context`. */
  readonly context?: string;
  /** Reads a file that the kubeconfig names (`client-key: …`) as text. Without it such entries are refused. */
  readonly readFile?: (path: string) => string;
}

/** What is wrong with a kubeconfig, in words for the user. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The connection that one context of a kubeconfig describes (client-go tools/clientcmd, of one file). `kubeconfig` is the
 * parsed file. Throws KubeconfigError for what is missing or of the wrong type, and for what is not supported: passwords,
 * proxies, plugins.
 */
export function clientConfigFromKubeconfig(kubeconfig: unknown, options: KubeconfigOptions = {}): ClientConfig {
  const file = fieldsOf(kubeconfig, 'kubeconfig');
  const contextName = options.context ?? text(file, 'current-context') ?? '';
  if (contextName === '') throw new KubeconfigError('no context is chosen: current-context is not set');
  const context = named(file, 'contexts', 'context', contextName);
  const cluster = named(file, 'clusters', 'cluster', text(context, 'cluster') ?? '');
  const userName = text(context, 'user') ?? '';
  const user = userName === '' ? {} : named(file, 'users', 'user', userName);
  refuse(cluster, ['proxy-url']);
  refuse(user, ['exec', 'auth-provider', 'username', 'password', 'as', 'as-groups']);

  const server = text(cluster, 'server') ?? '';
  if (server === '') throw new KubeconfigError(`cluster "${text(context, 'cluster') ?? ''}" has no server`);
  const pem = (fields: Fields, key: string): string | undefined => contents(fields, key, options);
  const config = {
    server,
    certificateAuthority: pem(cluster, 'certificate-authority'),
    clientCertificate: pem(user, 'client-certificate'),
    clientKey: pem(user, 'client-key'),
    token: token(user, options),
    tlsServerName: text(cluster, 'tls-server-name'),
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true ? true : undefined,
    namespace: text(context, 'namespace'),
  };
  if (config.insecureSkipTlsVerify === true && config.certificateAuthority !== undefined) {
    throw new KubeconfigError('specifying a root certificates file with the insecure flag is not allowed');
  }
  if ((config.clientCertificate === undefined) !== (config.clientKey === undefined)) {
    throw new KubeconfigError(`user "${userName}" must have both a client certificate and a client key, or neither`);
  }
  // Under exactOptionalPropertyTypes an absent member is left out.
  return { server, ...Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) };
}

/** The first entry of the list with the name, as in client-go. */
function named(file: Fields, list: string, member: string, name: string): Fields {
  const entries = file[list];
  if (!Array.isArray(entries)) throw new KubeconfigError(`${list} must be a list`);
  for (const entry of entries) {
    const fields = fieldsOf(entry, `an entry of ${list}`);
    if (fields['name'] === name) return fieldsOf(fields[member] ?? {}, `${member} "${name}"`);
  }
  throw new KubeconfigError(`${member} "${name}" does not exist`);
}

/** `KEY-data` in base64 wins over the file `KEY`. */
function contents(fields: Fields, key: string, { readFile }: KubeconfigOptions): string | undefined {
  const data = text(fields, `${key}-data`) ?? '';
  if (data !== '') {
    if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(data)) throw new KubeconfigError(`${key}-data is not base64`);
    return Buffer.from(data, 'base64').toString('utf8');
  }
  const path = text(fields, key) ?? '';
  return path === '' ? undefined : fromFile(path, key, readFile);
}

function token(user: Fields, { readFile }: KubeconfigOptions): string | undefined {
  const path = text(user, 'tokenFile') ?? '';
  if (path !== '') return fromFile(path, 'tokenFile', readFile).trim();
  const value = text(user, 'token') ?? '';
  return value === '' ? undefined : value;
}

function fromFile(path: string, key: string, readFile: KubeconfigOptions['readFile']): string {
  if (readFile === undefined) throw new KubeconfigError(`${key} names the file "${path}", and files cannot be read here`);
  try {
    return readFile(path);
  } catch (error) {
    throw new KubeconfigError(`unable to read ${key} "${path}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function refuse(fields: Fields, keys: readonly string[]): void {
  const found = keys.find((key) => Object.hasOwn(fields, key));
  if (found !== undefined) throw new KubeconfigError(`"${found}" is not supported`);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new KubeconfigError(`${what} must be a mapping`);
  return value as Fields; // an object: its members are checked where they are read
}

function text(fields: Fields, key: string): string | undefined {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new KubeconfigError(`${key} must be a string`);
  return value;
}
