import type { Process } from '@coracle/kernel';
import { type ClientConfig, inClusterConfig, serviceAccountFolder } from '../../rest/config.ts';
import type { Host } from '../../rest/host.ts';
import { type ChosenNamespace, type ConfigOverrides, DirectClientConfig } from './client-config.ts';
import { isEmptyConfig } from './validation.ts';
import type { LoadingRules } from './loading-rules.ts';

/** The connection of a pod, with what overrides may change of it (client-go tools/clientcmd inClusterClientConfig). */
export class InClusterClientConfig {
  readonly #host: Host;
  readonly #overrides: ConfigOverrides;
  readonly #log: Process['log'] | undefined;

  constructor(host: Host, overrides: ConfigOverrides = {}, log?: Process['log']) {
    this.#host = host;
    this.#overrides = overrides;
    this.#log = log;
  }

  /** Whether this process runs in a pod with a service account. */
  get isPossible(): boolean {
    const { environment } = this.#host;
    const token = this.#host.stat(`${serviceAccountFolder}/token`);
    return (
      (environment['KUBERNETES_SERVICE_HOST'] ?? '') !== '' &&
      (environment['KUBERNETES_SERVICE_PORT'] ?? '') !== '' &&
      token?.isDirectory === false
    );
  }

  clientConfig(): ClientConfig {
    const { cluster = {}, authInfo = {} } = this.#overrides;
    const config = inClusterConfig(this.#host, this.#log);
    const { token: _token, tokenFile: _tokenFile, ...others } = config;
    const { token = '', tokenFile = '' } = authInfo;
    return {
      ...(token === '' && tokenFile === ''
        ? config
        : { ...others, ...(token === '' ? {} : { token }), ...(tokenFile === '' ? {} : { tokenFile }) }),
      ...((cluster.server ?? '') === '' ? {} : { server: cluster.server ?? '' }),
      ...((cluster.certificateAuthority ?? '') === '' ? {} : { certificateAuthorityFile: cluster.certificateAuthority ?? '' }),
    };
  }

  /** POD_NAMESPACE, the service account's, or `default`. */
  namespace(): ChosenNamespace {
    const fromEnvironment = this.#host.environment['POD_NAMESPACE'] ?? '';
    if (fromEnvironment !== '') return { namespace: fromEnvironment, isOverridden: false };
    const file = `${serviceAccountFolder}/namespace`;
    const namespace = this.#host.stat(file) === undefined ? '' : this.#host.readFile(file).trim();
    return { namespace: namespace === '' ? 'default' : namespace, isOverridden: false };
  }
}

/** What a `DeferredLoadingClientConfig` is made with. */
export interface DeferredConfigOptions {
  readonly rules: Pick<LoadingRules, 'host' | 'load'>;
  readonly overrides?: ConfigOverrides;
  /** What is used when nothing is configured, for telling that nothing is. */
  readonly defaultConfig?: () => ClientConfig;
  /** Default: that of this machine. */
  readonly inCluster?: Pick<InClusterClientConfig, 'isPossible' | 'clientConfig' | 'namespace'>;
  readonly log?: Process['log'];
}

/**
 * The connection that a command uses: the kubeconfig files, read when first asked, and in a pod without any of them its service account
 * (client-go tools/clientcmd DeferredLoadingClientConfig).
 */
export class DeferredLoadingClientConfig {
  readonly #options: DeferredConfigOptions;
  readonly #inCluster: NonNullable<DeferredConfigOptions['inCluster']>;
  #direct: DirectClientConfig | undefined;

  constructor(options: DeferredConfigOptions) {
    this.#options = options;
    this.#inCluster = options.inCluster ?? new InClusterClientConfig(options.rules.host, options.overrides, options.log);
  }

  /** The files as they are, without overrides. */
  get direct(): DirectClientConfig {
    const { rules, overrides = {} } = this.#options;
    this.#direct ??= new DirectClientConfig({
      config: rules.load(),
      host: rules.host,
      contextName: overrides.currentContext ?? '',
      overrides,
    });
    return this.#direct;
  }

  /** Throws as DirectClientConfig.clientConfig; EmptyConfigError within when nothing is configured and this is no pod. */
  clientConfig(): ClientConfig {
    const found = attempt(() => this.direct.clientConfig());
    if ('error' in found) {
      if (!isEmptyConfig(found.error) || !this.#inCluster.isPossible) throw found.error;
      return this.#inCluster.clientConfig();
    }
    const isDefault = this.#options.defaultConfig !== undefined && sameConfig(found.value, this.#options.defaultConfig);
    return isDefault && this.#inCluster.isPossible ? this.#inCluster.clientConfig() : found.value;
  }

  /** Of an override, of the context, of the service account, or `default`, in this order. */
  namespace(): ChosenNamespace {
    const { direct } = this;
    const found = attempt(() => direct.namespace());
    const isEmpty = 'error' in found && isEmptyConfig(found.error);
    if ('error' in found && (!isEmpty || !this.#inCluster.isPossible)) throw found.error;
    if ('value' in found) {
      const { namespace, isOverridden } = found.value;
      if (isOverridden || !this.#inCluster.isPossible || namespace !== 'default') return found.value;
      const chosen = this.#options.overrides?.currentContext ?? '';
      const context = direct.config.contexts.get(chosen === '' ? direct.config.currentContext : chosen);
      // "default" that the file spells out is a choice; one that nobody made is not.
      if (context !== undefined && context.namespace !== '') return found.value;
    }
    return this.#inCluster.namespace();
  }
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: work() };
  } catch (error) {
    return { error };
  }
}

function sameConfig(config: ClientConfig, defaultConfig: () => ClientConfig): boolean {
  const other = attempt(defaultConfig);
  const text = (value: ClientConfig): string => JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  return 'value' in other && text(config) === text(other.value);
}
