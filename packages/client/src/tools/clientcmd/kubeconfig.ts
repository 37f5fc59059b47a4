import { getOwn, hasOwn, readJson, readYamlDocuments, writeYaml } from '@coracle/apimachinery';
import type { AuthProviderConfig, ExecConfig, InteractiveMode } from '../../rest/config.ts';

/** What is wrong with a kubeconfig, in words for the user. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/** How a cluster is reached (client-go tools/clientcmd/api Cluster). `…Data` is base64, as in the file. Paths are relative to its file. */
export interface Cluster {
  /** The file that it came from; '' when none. */
  readonly locationOfOrigin: string;
  readonly server: string;
  readonly tlsServerName: string;
  readonly insecureSkipTlsVerify: boolean;
  readonly certificateAuthority: string;
  readonly certificateAuthorityData: string;
  readonly proxyUrl: string;
  readonly disableCompression: boolean;
  readonly extensions: ReadonlyMap<string, unknown>;
}

/** Who asks (client-go tools/clientcmd/api AuthInfo). */
export interface AuthInfo {
  readonly locationOfOrigin: string;
  readonly clientCertificate: string;
  readonly clientCertificateData: string;
  readonly clientKey: string;
  readonly clientKeyData: string;
  readonly token: string;
  readonly tokenFile: string;
  readonly impersonate: string;
  readonly impersonateUid: string;
  readonly impersonateGroups: readonly string[];
  readonly impersonateUserExtra: Readonly<Record<string, readonly string[]>>;
  readonly username: string;
  readonly password: string;
  readonly authProvider: AuthProviderConfig | undefined;
  readonly exec: ExecConfig | undefined;
  readonly extensions: ReadonlyMap<string, unknown>;
}

/** A cluster, who asks, and the namespace (client-go tools/clientcmd/api Context). */
export interface Context {
  readonly locationOfOrigin: string;
  readonly cluster: string;
  readonly authInfo: string;
  readonly namespace: string;
  readonly extensions: ReadonlyMap<string, unknown>;
}

/** One kubeconfig, or several merged (client-go tools/clientcmd/api Config). */
export interface Kubeconfig {
  readonly preferences: { readonly colors: boolean; readonly extensions: ReadonlyMap<string, unknown> };
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly authInfos: ReadonlyMap<string, AuthInfo>;
  readonly contexts: ReadonlyMap<string, Context>;
  readonly currentContext: string;
  readonly extensions: ReadonlyMap<string, unknown>;
}

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

/** A cluster of which nothing is said; others are made from it. */
export const emptyCluster: Cluster = {
  locationOfOrigin: '',
  server: '',
  tlsServerName: '',
  insecureSkipTlsVerify: false,
  certificateAuthority: '',
  certificateAuthorityData: '',
  proxyUrl: '',
  disableCompression: false,
  extensions: nothing,
};

/** A user of whom nothing is said; others are made from it. */
export const emptyAuthInfo: AuthInfo = {
  locationOfOrigin: '',
  clientCertificate: '',
  clientCertificateData: '',
  clientKey: '',
  clientKeyData: '',
  token: '',
  tokenFile: '',
  impersonate: '',
  impersonateUid: '',
  impersonateGroups: [],
  impersonateUserExtra: {},
  username: '',
  password: '',
  authProvider: undefined,
  exec: undefined,
  extensions: nothing,
};

/** A context that names nothing; others are made from it. */
export const emptyContext: Context = { locationOfOrigin: '', cluster: '', authInfo: '', namespace: '', extensions: nothing };

/** A kubeconfig without entries. */
export const emptyKubeconfig: Kubeconfig = {
  preferences: { colors: false, extensions: nothing },
  clusters: nothing,
  authInfos: nothing,
  contexts: nothing,
  currentContext: '',
  extensions: nothing,
};

const mostCharacters = 16 << 20;

/**
 * Reads the text of a kubeconfig, YAML or JSON; an empty one is an empty config (client-go tools/clientcmd.Load). `origin` is noted in
 * what it holds. Throws KubeconfigError.
 */
export function readKubeconfig(text: string, origin = ''): Kubeconfig {
  if (text.length > mostCharacters) throw new KubeconfigError(`kubeconfig has more than ${mostCharacters} characters`);
  if (text.trim() === '') return emptyKubeconfig;
  let parsed: unknown;
  try {
    // YAML is read with a library that a JSON file does not need.
    parsed = /^\s*\{/.test(text) ? readJson(new TextEncoder().encode(text)).value : readYamlDocuments(text)[0];
  } catch (error) {
    throw new KubeconfigError(`couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return parseKubeconfig(parsed, origin);
}

/** A parsed file as config. What it does not know is left out. Throws KubeconfigError for a wrong type, a name that comes twice, other kinds. */
export function parseKubeconfig(value: unknown, origin = ''): Kubeconfig {
  if (value === undefined || value === null) return emptyKubeconfig;
  const file = fieldsOf(value, 'kubeconfig');
  const apiVersion = text(file, 'apiVersion');
  const kind = text(file, 'kind');
  if ((kind !== '' && kind !== 'Config') || (apiVersion !== '' && apiVersion !== 'v1')) {
    throw new KubeconfigError(`no kind "${kind}" is registered for version "${apiVersion}"`);
  }
  const preferences = fieldsOf(getOwn(file, 'preferences') ?? {}, 'preferences');
  return {
    preferences: { colors: flag(preferences, 'colors'), extensions: extensionsOf(preferences) },
    clusters: named(file, 'clusters', 'cluster', 'Cluster', (fields) => clusterOf(fields, origin)),
    authInfos: named(file, 'users', 'user', 'AuthInfo', (fields) => authInfoOf(fields, origin)),
    contexts: named(file, 'contexts', 'context', 'Context', (fields) => contextOf(fields, origin)),
    currentContext: text(file, 'current-context'),
    extensions: extensionsOf(file),
  };
}

/** The config as YAML, as kubectl writes it: lists in order of names (client-go tools/clientcmd.Write). */
export function writeKubeconfig(config: Kubeconfig): string {
  return writeYaml(kubeconfigDocument(config));
}

/** The config as the object that a file holds. */
export function kubeconfigDocument(config: Kubeconfig): object {
  const { colors, extensions } = config.preferences;
  return {
    apiVersion: 'v1',
    clusters: listOf(config.clusters, 'cluster', clusterFields),
    contexts: listOf(config.contexts, 'context', contextFields),
    'current-context': config.currentContext,
    ...extensionFields(config.extensions),
    kind: 'Config',
    ...(colors || extensions.size > 0 ? { preferences: { ...(colors ? { colors } : {}), ...extensionFields(extensions) } } : {}),
    users: listOf(config.authInfos, 'user', authInfoFields),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function clusterOf(fields: Fields, locationOfOrigin: string): Cluster {
  return {
    locationOfOrigin,
    server: text(fields, 'server'),
    tlsServerName: text(fields, 'tls-server-name'),
    insecureSkipTlsVerify: flag(fields, 'insecure-skip-tls-verify'),
    certificateAuthority: text(fields, 'certificate-authority'),
    certificateAuthorityData: base64(fields, 'certificate-authority-data'),
    proxyUrl: text(fields, 'proxy-url'),
    disableCompression: flag(fields, 'disable-compression'),
    extensions: extensionsOf(fields),
  };
}

function clusterFields(cluster: Cluster): object {
  return present({
    'certificate-authority': cluster.certificateAuthority,
    'certificate-authority-data': cluster.certificateAuthorityData,
    'disable-compression': cluster.disableCompression,
    ...extensionFields(cluster.extensions),
    'insecure-skip-tls-verify': cluster.insecureSkipTlsVerify,
    'proxy-url': cluster.proxyUrl,
    server: [cluster.server],
    'tls-server-name': cluster.tlsServerName,
  });
}

function authInfoOf(fields: Fields, locationOfOrigin: string): AuthInfo {
  const exec = getOwn(fields, 'exec');
  const provider = getOwn(fields, 'auth-provider');
  return {
    locationOfOrigin,
    clientCertificate: text(fields, 'client-certificate'),
    clientCertificateData: base64(fields, 'client-certificate-data'),
    clientKey: text(fields, 'client-key'),
    clientKeyData: base64(fields, 'client-key-data'),
    token: text(fields, 'token'),
    tokenFile: text(fields, 'tokenFile'),
    impersonate: text(fields, 'as'),
    impersonateUid: text(fields, 'as-uid'),
    impersonateGroups: texts(fields, 'as-groups'),
    impersonateUserExtra: Object.fromEntries(
      Object.keys(fieldsOf(getOwn(fields, 'as-user-extra') ?? {}, 'as-user-extra')).map((key) => [
        key,
        texts(fieldsOf(getOwn(fields, 'as-user-extra'), 'as-user-extra'), key),
      ]),
    ),
    username: text(fields, 'username'),
    password: text(fields, 'password'),
    authProvider: provider === undefined || provider === null ? undefined : authProviderOf(fieldsOf(provider, 'auth-provider')),
    exec: exec === undefined || exec === null ? undefined : execOf(fieldsOf(exec, 'exec')),
    extensions: extensionsOf(fields),
  };
}

function authInfoFields(user: AuthInfo): object {
  const { exec, authProvider } = user;
  return present({
    as: user.impersonate,
    'as-groups': user.impersonateGroups.length === 0 ? '' : [user.impersonateGroups],
    'as-uid': user.impersonateUid,
    'as-user-extra': Object.keys(user.impersonateUserExtra).length === 0 ? '' : [user.impersonateUserExtra],
    'auth-provider': authProvider === undefined ? '' : [{ config: authProvider.config, name: authProvider.name }],
    'client-certificate': user.clientCertificate,
    'client-certificate-data': user.clientCertificateData,
    'client-key': user.clientKey,
    'client-key-data': user.clientKeyData,
    exec:
      exec === undefined
        ? ''
        : [
            present({
              apiVersion: exec.apiVersion,
              args: [exec.args.length === 0 ? null : exec.args],
              command: [exec.command],
              env: [exec.env.length === 0 ? null : exec.env],
              installHint: exec.installHint ?? '',
              interactiveMode: exec.interactiveMode ?? '',
              provideClusterInfo: [exec.provideClusterInfo],
            }),
          ],
    ...extensionFields(user.extensions),
    password: user.password,
    token: user.token,
    tokenFile: user.tokenFile,
    username: user.username,
  });
}

function contextOf(fields: Fields, locationOfOrigin: string): Context {
  return {
    locationOfOrigin,
    cluster: text(fields, 'cluster'),
    authInfo: text(fields, 'user'),
    namespace: text(fields, 'namespace'),
    extensions: extensionsOf(fields),
  };
}

function contextFields(context: Context): object {
  return present({
    cluster: [context.cluster],
    ...extensionFields(context.extensions),
    namespace: context.namespace,
    user: [context.authInfo],
  });
}

function authProviderOf(fields: Fields): AuthProviderConfig {
  const config = fieldsOf(getOwn(fields, 'config') ?? {}, 'auth-provider config');
  return { name: text(fields, 'name'), config: Object.fromEntries(Object.keys(config).map((key) => [key, text(config, key)])) };
}

const beta = 'client.authentication.k8s.io/v1beta1';
const alpha = 'client.authentication.k8s.io/v1alpha1';

function execOf(fields: Fields): ExecConfig {
  const env = getOwn(fields, 'env') ?? [];
  if (!Array.isArray(env)) throw new KubeconfigError('env must be a list');
  const apiVersion = text(fields, 'apiVersion');
  const mode = text(fields, 'interactiveMode');
  // Later versions must say it.
  const interactiveMode = mode === '' && (apiVersion === beta || apiVersion === alpha) ? 'IfAvailable' : mode;
  const installHint = text(fields, 'installHint');
  return {
    apiVersion,
    command: text(fields, 'command'),
    args: texts(fields, 'args'),
    env: env.map((entry: unknown) => {
      const pair = fieldsOf(entry, 'an entry of env');
      return { name: text(pair, 'name'), value: text(pair, 'value') };
    }),
    provideClusterInfo: flag(fields, 'provideClusterInfo'),
    ...(installHint === '' ? {} : { installHint }),
    ...(interactiveMode === '' ? {} : { interactiveMode: interactiveMode as InteractiveMode }), // validation refuses others
  };
}

function named<T>(file: Fields, list: string, member: string, type: string, parse: (fields: Fields) => T): ReadonlyMap<string, T> {
  const entries = getOwn(file, list) ?? [];
  if (!Array.isArray(entries)) throw new KubeconfigError(`${list} must be a list`);
  const found = new Map<string, T>();
  for (const entry of entries as unknown[]) {
    const fields = fieldsOf(entry, `an entry of ${list}`);
    const name = text(fields, 'name');
    // Upstream prints the whole list here, with the secrets in it.
    if (found.has(name))
      throw new KubeconfigError(`error converting *[]Named${type} into *map[string]*api.${type}: duplicate name "${name}" in list`);
    found.set(name, parse(fieldsOf(getOwn(fields, member) ?? {}, `${member} "${name}"`)));
  }
  return found;
}

function extensionsOf(fields: Fields): ReadonlyMap<string, unknown> {
  const list = getOwn(fields, 'extensions') ?? [];
  if (!Array.isArray(list)) throw new KubeconfigError('extensions must be a list');
  const found = new Map<string, unknown>();
  for (const entry of list as unknown[]) {
    const extension = fieldsOf(entry, 'an entry of extensions');
    const name = text(extension, 'name');
    if (found.has(name))
      throw new KubeconfigError(`error converting *[]NamedExtension into *map[string]runtime.Object: duplicate name "${name}" in list`);
    found.set(name, getOwn(extension, 'extension'));
  }
  return found;
}

function extensionFields(extensions: ReadonlyMap<string, unknown>): object {
  if (extensions.size === 0) return {};
  return { extensions: byName(extensions).map(([name, extension]) => ({ extension, name })) };
}

function listOf<T>(entries: ReadonlyMap<string, T>, member: string, fields: (entry: T) => object): readonly object[] {
  return byName(entries).map(([name, entry]) => (member === 'user' ? { name, user: fields(entry) } : { [member]: fields(entry), name }));
}

function byName<T>(entries: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Without '' and false, except what stands in a list of one: that is always written. */
function present(fields: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (value === '' || value === false) return [];
    return [[name, Array.isArray(value) && name !== 'extensions' ? value[0] : value]];
  });
  return Object.fromEntries(entries);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new KubeconfigError(`${what} must be a mapping`);
  return value as Fields; // an object: its members are checked where they are read
}

function text(fields: Fields, key: string): string {
  const value = hasOwn(fields, key) ? fields[key] : undefined;
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new KubeconfigError(`${key} must be a string`);
  return value;
}

function flag(fields: Fields, key: string): boolean {
  const value = hasOwn(fields, key) ? fields[key] : undefined;
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw new KubeconfigError(`${key} must be true or false`);
  return value;
}

function texts(fields: Fields, key: string): readonly string[] {
  const value = hasOwn(fields, key) ? fields[key] : undefined;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw new KubeconfigError(`${key} must be a list of strings`);
  return value as string[];
}

function base64(fields: Fields, key: string): string {
  const value = text(fields, key).replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new KubeconfigError(`${key} is not base64`);
  return value;
}
