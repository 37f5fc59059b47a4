import type { StartClusterOptions } from '@coracle/cluster';
import { UsageError } from './flags.ts';
import { pem } from './pem.ts';

export const externalEtcdFlags = ['etcd-servers', 'etcd-cafile', 'etcd-certfile', 'etcd-keyfile', 'etcd-prefix'] as const;

type Values = Readonly<Partial<Record<(typeof externalEtcdFlags)[number], string>>>;

/** kube-apiserver's flags for an etcd outside. */
export const externalEtcdHelp: readonly (readonly [flag: string, meaning: string])[] = [
  ['--etcd-servers URLS', 'keep the objects in this etcd instead, separated by commas'],
  ['--etcd-cafile PATH', 'authority of its servers (PEM)'],
  ['--etcd-certfile PATH', 'certificate to show them (PEM)'],
  ['--etcd-keyfile PATH', 'its private key (PEM)'],
  ['--etcd-prefix PATH', 'what all keys begin with (default: /registry)'],
];

/** Throws UsageError for values that cannot be meant. Keys are read from files, and never shown. */
export function externalEtcd(values: Values): Pick<StartClusterOptions, 'etcd'> {
  const { 'etcd-servers': servers, 'etcd-prefix': prefix } = values;
  if (servers === undefined) {
    const without = externalEtcdFlags.find((flag) => values[flag] !== undefined);
    if (without !== undefined) throw new UsageError(`option "--${without}" needs --etcd-servers`);
    return {};
  }
  const { 'etcd-cafile': authority, 'etcd-certfile': certificate, 'etcd-keyfile': privateKey } = values;
  if ((certificate === undefined) !== (privateKey === undefined)) throw new UsageError('--etcd-certfile and --etcd-keyfile go together');
  if (prefix?.split('/').every((part) => part === '')) throw new UsageError(`"${prefix}" is no prefix: /registry`);
  const list = servers.split(',').map((server) => checkServer(server.trim()));
  const secrets = [authority, certificate, privateKey].some((file) => file !== undefined);
  if (secrets && !list.some((server) => server.startsWith('https://'))) {
    throw new UsageError('certificates are for servers with https, of which --etcd-servers names none');
  }
  return {
    etcd: {
      servers: list,
      ...(prefix === undefined ? {} : { prefix }),
      tls: {
        ...(authority === undefined ? {} : { authority: pem('etcd-cafile', authority) }),
        ...(certificate === undefined ? {} : { certificate: pem('etcd-certfile', certificate) }),
        ...(privateKey === undefined ? {} : { privateKey: pem('etcd-keyfile', privateKey) }),
      },
    },
  };
}

/** Never shows what it refuses when there is a user in it, for there may be a password. */
function checkServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) throw new UsageError('--etcd-servers names no users');
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new UsageError(`"${text}" is no server of etcd: http://HOST:PORT or https://HOST:PORT`);
  }
  return text;
}
