import path from 'node:path';
import { fileFault, type Host } from '../../rest/host.ts';
import { type AuthInfo, type Cluster, type Kubeconfig, KubeconfigError } from './kubeconfig.ts';

/** The current context and what it names, alone (client-go tools/clientcmd/api MinifyConfig). Throws KubeconfigError for what is missing. */
export function minified(config: Kubeconfig): Kubeconfig {
  if (config.currentContext === '') throw new KubeconfigError('current-context must exist in order to minify');
  const context = config.contexts.get(config.currentContext);
  if (context === undefined) throw new KubeconfigError(`cannot locate context ${config.currentContext}`);
  const cluster = config.clusters.get(context.cluster);
  if (context.cluster !== '' && cluster === undefined) throw new KubeconfigError(`cannot locate cluster ${context.cluster}`);
  const user = config.authInfos.get(context.authInfo);
  if (context.authInfo !== '' && user === undefined) throw new KubeconfigError(`cannot locate user ${context.authInfo}`);
  return {
    ...config,
    contexts: new Map([[config.currentContext, context]]),
    clusters: new Map(cluster === undefined ? [] : [[context.cluster, cluster]]),
    authInfos: new Map(user === undefined ? [] : [[context.authInfo, user]]),
  };
}

/** With the files that it names written into it, so that it can be carried elsewhere (client-go tools/clientcmd/api FlattenConfig). */
export function flattened(config: Kubeconfig, host: Host): Kubeconfig {
  return {
    ...config,
    authInfos: mapValues(config.authInfos, (user) => {
      const [clientCertificate, clientCertificateData] = inlined(user.clientCertificate, user.clientCertificateData, user, host);
      const [clientKey, clientKeyData] = inlined(user.clientKey, user.clientKeyData, user, host);
      return { ...user, clientCertificate, clientCertificateData, clientKey, clientKeyData };
    }),
    clusters: mapValues(config.clusters, (cluster) => {
      const [certificateAuthority, certificateAuthorityData] = inlined(
        cluster.certificateAuthority,
        cluster.certificateAuthorityData,
        cluster,
        host,
      );
      return { ...cluster, certificateAuthority, certificateAuthorityData };
    }),
  };
}

/** For a human: without the long data, and without tokens (client-go tools/clientcmd/api ShortenConfig). */
export function shortened(config: Kubeconfig): Kubeconfig {
  const omitted = (data: string): string => (data === '' ? '' : 'DATA+OMITTED');
  return {
    ...config,
    authInfos: mapValues(config.authInfos, (user) => ({
      ...user,
      clientKeyData: omitted(user.clientKeyData),
      clientCertificateData: omitted(user.clientCertificateData),
      token: user.token === '' ? '' : 'REDACTED',
    })),
    clusters: mapValues(config.clusters, (cluster) => ({
      ...cluster,
      certificateAuthorityData: omitted(cluster.certificateAuthorityData),
    })),
  };
}

/** Every secret replaced (client-go tools/clientcmd/api RedactSecrets). */
export function redacted(config: Kubeconfig): Kubeconfig {
  const hidden = (secret: string, shown = 'REDACTED'): string => (secret === '' ? '' : shown);
  return {
    ...config,
    authInfos: mapValues(config.authInfos, (user) => ({
      ...user,
      clientKeyData: hidden(user.clientKeyData, Buffer.from('REDACTED').toString('base64')),
      token: hidden(user.token),
      password: hidden(user.password),
    })),
  };
}

function inlined(file: string, data: string, { locationOfOrigin }: AuthInfo | Cluster, host: Host): readonly [file: string, data: string] {
  if (file === '') return ['', data];
  if (data !== '') throw new KubeconfigError('cannot have values for both path and contents');
  const absolute = path.resolve(host.currentDirectory, path.dirname(locationOfOrigin), file);
  try {
    return ['', Buffer.from(host.readFile(absolute)).toString('base64')];
  } catch (error) {
    throw new KubeconfigError(fileFault('open', absolute, error), { cause: error });
  }
}

function mapValues<T>(entries: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> {
  return new Map([...entries].map(([name, value]) => [name, change(value)]));
}
