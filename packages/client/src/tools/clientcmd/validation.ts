import { isDns1123Label } from '@coracle/apimachinery';
import { fileFault, type Host } from '../../rest/host.ts';
import { type AuthInfo, type Cluster, type Context, emptyAuthInfo, emptyCluster, type Kubeconfig } from './kubeconfig.ts';

/** Nothing says where the server is (client-go tools/clientcmd ErrEmptyConfig). */
export class EmptyConfigError extends Error {
  override readonly name = 'EmptyConfigError';
  constructor() {
    super('no configuration has been provided, try setting KUBERNETES_MASTER environment variable');
  }
}

/** The chosen context is not there; with an empty name none was chosen. */
export class ContextNotFoundError extends Error {
  override readonly name = 'ContextNotFoundError';
  readonly contextName: string;
  constructor(contextName: string) {
    super(contextName === '' ? 'no context chosen' : `context was not found for specified context: ${contextName}`);
    this.contextName = contextName;
  }
}

/** All that is wrong with a config, at once. */
export class ConfigurationInvalidError extends Error {
  override readonly name = 'ConfigurationInvalidError';
  readonly errors: readonly Error[];
  constructor(errors: readonly Error[]) {
    super(`invalid configuration: ${aggregated(errors)}`);
    this.errors = errors;
  }
}

class EmptyClusterError extends Error {
  override readonly name = 'EmptyClusterError';
  constructor() {
    super('cluster has no server defined');
  }
}

/** True when the only fault is that nothing is configured. */
export function isEmptyConfig(error: unknown): boolean {
  if (error instanceof ConfigurationInvalidError) return error.errors.length === 1 && error.errors[0] instanceof EmptyConfigError;
  return error instanceof EmptyConfigError;
}

/** True when the chosen context is not there, whoever says so. */
export function isContextNotFound(error: unknown): boolean {
  return (
    error instanceof ContextNotFoundError ||
    (error instanceof Error && error.message.includes('context was not found for specified context'))
  );
}

/** True when a kubeconfig was refused, also for a context that is not there. */
export function isConfigurationInvalid(error: unknown): boolean {
  return error instanceof ConfigurationInvalidError || isContextNotFound(error);
}

/** Several faults as one text: alone as it is, else `[a, b]`, each once (apimachinery util/errors Aggregate). */
export function aggregated(errors: readonly Error[]): string {
  const [first, ...others] = [
    ...new Set(
      errors.flatMap((error) => (error instanceof AggregateError ? (error.errors as Error[]) : [error])).map(({ message }) => message),
    ),
  ];
  return others.length === 0 ? (first ?? '') : `[${[first, ...others].join(', ')}]`;
}

/** Throws ConfigurationInvalidError for all that is wrong with every cluster, user and context (client-go Validate). */
export function validateKubeconfig(config: Kubeconfig, host: Host): void {
  if (isEmpty(config)) throw new ConfigurationInvalidError([new EmptyConfigError()]);
  const faults: Error[] = [];
  if (config.currentContext !== '' && !config.contexts.has(config.currentContext))
    faults.push(new ContextNotFoundError(config.currentContext));
  for (const [name, context] of config.contexts) faults.push(...contextFaults(name, context, config));
  for (const [name, user] of config.authInfos) faults.push(...authInfoFaults(name, user, host));
  for (const [name, cluster] of config.clusters) faults.push(...clusterFaults(name, cluster, host));
  if (faults.length > 0) throw new ConfigurationInvalidError(faults);
}

/** The same for one context and what it names; '' is the current one (client-go ConfirmUsable). */
export function confirmUsable(config: Kubeconfig, contextName: string, host: Host): void {
  if (isEmpty(config)) throw new ConfigurationInvalidError([new EmptyConfigError()]);
  const name = contextName === '' ? config.currentContext : contextName;
  if (name === '') throw new ContextNotFoundError('');
  const context = config.contexts.get(name);
  if (context === undefined) throw new ConfigurationInvalidError([new ContextNotFoundError(name)]);
  const faults = [
    ...contextFaults(name, context, config),
    ...authInfoFaults(context.authInfo, config.authInfos.get(context.authInfo) ?? emptyAuthInfo, host),
    ...clusterFaults(context.cluster, config.clusters.get(context.cluster) ?? emptyCluster, host),
  ];
  if (faults.length > 0) throw new ConfigurationInvalidError(faults);
}

/** Throws for what a client with exactly these would trip over; a missing server alone is an empty config. */
export function confirmParts(
  faultsBefore: readonly Error[],
  user: readonly [string, AuthInfo],
  cluster: readonly [string, Cluster],
  host: Host,
): void {
  const faults = [...faultsBefore, ...authInfoFaults(...user, host), ...clusterFaults(...cluster, host)];
  if (faults.length === 1 && faults[0] instanceof EmptyClusterError) throw new ConfigurationInvalidError([new EmptyConfigError()]);
  if (faults.length > 0) throw new ConfigurationInvalidError(faults);
}

function isEmpty({ authInfos, clusters, contexts, currentContext, preferences, extensions }: Kubeconfig): boolean {
  return (
    authInfos.size + clusters.size + contexts.size + extensions.size + preferences.extensions.size === 0 &&
    currentContext === '' &&
    !preferences.colors
  );
}

/** What is wrong with a proxy's address, or undefined. */
export function proxyUrlFault(proxyUrl: string): string | undefined {
  let scheme: string;
  try {
    scheme = /^[a-z][a-z0-9+.-]*:/i.test(proxyUrl) ? new URL(proxyUrl).protocol.slice(0, -1) : '';
  } catch {
    return `could not parse: ${proxyUrl}`; // says all there is to say
  }
  if (/\p{Cc}/u.test(proxyUrl)) return `could not parse: ${proxyUrl}`;
  return ['http', 'https', 'socks5'].includes(scheme) ? undefined : `unsupported scheme "${scheme}", must be http, https, or socks5`;
}

function clusterFaults(name: string, cluster: Cluster, host: Host): Error[] {
  const { locationOfOrigin: _, extensions, ...members } = cluster;
  if (cluster.locationOfOrigin === '' && extensions.size === 0 && Object.values(members).every((value) => value === '' || value === false))
    return [new EmptyClusterError()];
  const faults: string[] = [];
  if (cluster.server === '') faults.push(name === '' ? 'default cluster has no server defined' : `no server found for cluster "${name}"`);
  const proxyFault = cluster.proxyUrl === '' ? undefined : proxyUrlFault(cluster.proxyUrl);
  if (proxyFault !== undefined) faults.push(`invalid 'proxy-url' "${cluster.proxyUrl}" for cluster "${name}": ${proxyFault}`);
  if (cluster.certificateAuthority !== '' && cluster.certificateAuthorityData !== '') {
    faults.push(
      `certificate-authority-data and certificate-authority are both specified for ${name}. certificate-authority-data will override.`,
    );
  }
  faults.push(...unreadable('certificate-authority', cluster.certificateAuthority, name, host));
  return faults.map((fault) => new Error(fault));
}

function authInfoFaults(name: string, user: AuthInfo, host: Host): Error[] {
  const faults: string[] = [];
  const methods = [...(user.token === '' ? [] : ['token']), ...(user.username === '' && user.password === '' ? [] : ['basicAuth'])];
  if (user.clientCertificate !== '' || user.clientCertificateData !== '') {
    if (user.clientCertificate !== '' && user.clientCertificateData !== '') {
      faults.push(`client-cert-data and client-cert are both specified for ${name}. client-cert-data will override.`);
    }
    if (user.clientKey !== '' && user.clientKeyData !== '') {
      faults.push(`client-key-data and client-key are both specified for ${name}; client-key-data will override`);
    }
    if (user.clientKey === '' && user.clientKeyData === '') {
      faults.push(`client-key-data or client-key must be specified for ${name} to use the clientCert authentication method.`);
    }
    faults.push(...unreadable('client-cert', user.clientCertificate, name, host), ...unreadable('client-key', user.clientKey, name, host));
  }
  if (user.exec !== undefined) faults.push(...execFaults(name, user));
  if (methods.length > 1)
    faults.push(`more than one authentication method found for ${name}; found [${methods.join(' ')}], only one is allowed`);
  const asMore = user.impersonateUid !== '' || user.impersonateGroups.length > 0 || Object.keys(user.impersonateUserExtra).length > 0;
  if (asMore && user.impersonate === '') faults.push(`requesting uid, groups or user-extra for ${name} without impersonating a user`);
  return faults.map((fault) => new Error(fault));
}

function execFaults(name: string, { exec, authProvider }: AuthInfo): string[] {
  if (exec === undefined) return [];
  const needs = (what: string): string => `${what} must be specified for ${name} to use exec authentication plugin`;
  const faults: string[] = [];
  if (authProvider !== undefined) faults.push(`authProvider cannot be provided in combination with an exec plugin for ${name}`);
  if (exec.command === '') faults.push(needs('command'));
  if (exec.apiVersion === '') faults.push(needs('apiVersion'));
  for (const each of exec.env) if (each.name === '') faults.push(needs('env variable name'));
  const mode: string = exec.interactiveMode ?? '';
  if (mode === '') faults.push(needs('interactiveMode'));
  else if (!['Never', 'IfAvailable', 'Always'].includes(mode)) faults.push(`invalid interactiveMode for ${name}: "${mode}"`);
  return faults;
}

function contextFaults(name: string, context: Context, config: Kubeconfig): Error[] {
  const faults: string[] = [];
  if (name === '') faults.push('empty context name is not allowed');
  if (context.authInfo === '') faults.push(`user was not specified for context "${name}"`);
  else if (!config.authInfos.has(context.authInfo)) faults.push(`user "${context.authInfo}" was not found for context "${name}"`);
  if (context.cluster === '') faults.push(`cluster was not specified for context "${name}"`);
  else if (!config.clusters.has(context.cluster)) faults.push(`cluster "${context.cluster}" was not found for context "${name}"`);
  if (context.namespace !== '' && isDns1123Label(context.namespace).length > 0) {
    faults.push(`namespace "${context.namespace}" for context "${name}" does not conform to the kubernetes DNS_LABEL rules`);
  }
  return faults.map((fault) => new Error(fault));
}

function unreadable(what: string, file: string, owner: string, host: Host): string[] {
  if (file === '') return [];
  try {
    host.readFile(file);
    return [];
  } catch (error) {
    return [`unable to read ${what} ${file} for ${owner} due to ${fileFault('open', file, error)}`];
  }
}
