import { type ClientConfig, withTlsFiles } from '../../rest/config.ts';
import type { Host } from '../../rest/host.ts';
import { DirectClientConfig } from './client-config.ts';
import { KubeconfigError, parseKubeconfig } from './kubeconfig.ts';

/** How `clientConfigFromKubeconfig` reads. */
export interface KubeconfigOptions {
  /** Default: the file's `current-context`. */
  readonly context?: string;
  /** Reads a file that the kubeconfig names (`client-key: …`) as text. Without it such entries are refused. */
  readonly readFile?: (path: string) => string;
}

/**
 * The connection that one context of a parsed kubeconfig describes, with the texts of the files that it names (client-go tools/clientcmd
 * RESTConfigFromKubeConfig). Throws KubeconfigError and ConfigurationInvalidError.
 */
export function clientConfigFromKubeconfig(kubeconfig: unknown, options: KubeconfigOptions = {}): ClientConfig {
  const config = parseKubeconfig(kubeconfig);
  if (options.context === undefined && config.currentContext === '')
    throw new KubeconfigError('no context is chosen: current-context is not set');
  const overrides = options.context === undefined ? {} : { currentContext: options.context };
  const host = fileHost(options.readFile);
  const { tokenFile, ...connection } = withTlsFiles(new DirectClientConfig({ config, host, overrides }).clientConfig(), host);
  return tokenFile === undefined ? connection : { ...connection, token: host.readFile(tokenFile).trim() };
}

/** A machine of which only files can be read. */
function fileHost(readFile: KubeconfigOptions['readFile']): Host {
  const refuse = (path: string): never => {
    throw new KubeconfigError(`the file "${path}" is named, and files cannot be read here`);
  };
  return {
    environment: {},
    homeDirectory: '/',
    currentDirectory: '/',
    readFile: readFile ?? refuse,
    stat: () => undefined,
    writeFile: refuse,
    makeDirectory: refuse,
    removeFile: refuse,
  };
}
