import type { ServeStoreOptions, TlsOptions } from '@coracle/etcd';
import { durationMs } from './duration.ts';
import { authTokens } from './etcd-auth.ts';
import { featureGates } from './etcd-feature-gates.ts';
import { booleanOf, listenUrl } from './flag-values.ts';
import { readFlags, UsageError } from './flags.ts';
import { peerFlags, peerHelp, peerOptions } from './peer-flags.ts';
import { pem } from './pem.ts';

const flags = [
  'name',
  'data-dir',
  'listen-client-urls',
  'advertise-client-urls',
  'cert-file',
  'key-file',
  'trusted-ca-file',
  'client-cert-auth',
  'quota-backend-bytes',
  'watch-progress-notify-interval',
  'auth-token',
  'auth-token-ttl',
  'force-truncate',
  'feature-gates',
  ...peerFlags,
] as const;

const switches = ['client-cert-auth', 'peer-client-cert-auth', 'strict-reconfig-check', 'force-truncate'] as const;

type Values = Readonly<Partial<Record<(typeof flags)[number], string>>>;

/** What `coracle etcd --help` lists: etcd's names, for what means the same. */
export const etcdOptionHelp: readonly (readonly [flag: string, meaning: string])[] = [
  ['--name NAME', 'name of this member (default: default)'],
  ['--data-dir PATH', 'where the store is kept (default: NAME.etcd)'],
  ['--listen-client-urls URLS', 'where to listen, separated by commas (default: http://localhost:2379)'],
  ['--advertise-client-urls URLS', 'what clients are told (default: where it listens)'],
  ['--cert-file PATH', 'certificate of the server (PEM), for https'],
  ['--key-file PATH', 'its private key (PEM)'],
  ['--trusted-ca-file PATH', 'authority of client certificates (PEM)'],
  ['--client-cert-auth', 'serve only clients whose certificate that authority signed'],
  ['--quota-backend-bytes N', 'raise an alarm beyond this size (default 2 GiB; negative: never)'],
  ['--watch-progress-notify-interval DURATION', 'how often quiet watchers hear how far the store is (default 10m)'],
  ['--auth-token simple | jwt,…', 'how users are known once authentication is on; jwt has sign-method, pub-key, priv-key, ttl'],
  ['--auth-token-ttl SECONDS', 'how long a simple token lasts after its last use (default 300)'],
  ['--force-truncate', 'open a log that is damaged: cut it there, and keep the rest in quarantine; acknowledged writes may be lost'],
  [
    '--feature-gates LeaseCheckpoint=true',
    'tell every 5 minutes what is left of long leases, so that a new leader does not begin them anew',
  ],
  ...peerHelp,
];

/** Throws UsageError for values that cannot be meant. */
export function etcdOptions(args: readonly string[]): Omit<ServeStoreOptions, 'process'> {
  // As in Go, a flag that is true or false needs no value.
  const values: Values = readFlags(
    args.map((arg) => (switches.some((flag) => arg === `--${flag}`) ? `${arg}=true` : arg)),
    flags,
  );
  const name = values.name ?? 'default';
  const urls = (values['listen-client-urls'] ?? 'http://localhost:2379').split(',').map(listenUrl);
  const tls = tlsOptions(values);
  const wanted = tls === undefined ? 'http:' : 'https:';
  for (const url of urls) {
    if (url.protocol === wanted) continue;
    throw new UsageError(
      tls === undefined ? `"${url.href}" needs --cert-file and --key-file` : `"${url.href}" is to be https: there is a certificate`,
    );
  }
  const advertised = values['advertise-client-urls'];
  const quota = values['quota-backend-bytes'];
  const interval = values['watch-progress-notify-interval'];
  const tokenTtl = values['auth-token-ttl'];
  const peers = peerOptions(name, values);
  const forceTruncate = booleanOf('force-truncate', values['force-truncate']);
  if (forceTruncate && peers !== undefined) {
    throw new UsageError('--force-truncate is for a store that is alone: one of several gets from the others what is damaged');
  }
  return {
    name,
    directory: values['data-dir'] ?? `${name}.etcd`,
    listen: urls.map(({ hostname, port, protocol }) => ({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    })),
    ...(advertised === undefined ? {} : { advertise: advertised.split(',').map((url) => listenUrl(url).origin) }),
    ...(tls === undefined ? {} : { tls }),
    ...(peers === undefined ? {} : { peers }),
    ...(quota === undefined || quota === '0' ? {} : { quotaBytes: quotaBytes(quota) }),
    ...(interval === undefined ? {} : { progressIntervalMs: durationMs(interval) }),
    ...authTokens(values['auth-token'] ?? 'simple'),
    ...(forceTruncate ? { forceTruncate } : {}),
    ...featureGates(values['feature-gates'] ?? ''),
    ...(tokenTtl === undefined ? {} : { tokenTtlMs: seconds(tokenTtl) * 1000 }),
  };
}

function tlsOptions(values: Values): TlsOptions | undefined {
  const { 'cert-file': certificate, 'key-file': privateKey, 'trusted-ca-file': authority } = values;
  const asksForCertificates = booleanOf('client-cert-auth', values['client-cert-auth']);
  if (certificate === undefined && privateKey === undefined) {
    if (authority !== undefined || asksForCertificates) throw new UsageError('client certificates need --cert-file and --key-file');
    return undefined;
  }
  if (certificate === undefined || privateKey === undefined) throw new UsageError('--cert-file and --key-file go together');
  if (asksForCertificates && authority === undefined) throw new UsageError('--client-cert-auth needs --trusted-ca-file');
  return {
    certificate: pem('cert-file', certificate),
    privateKey: pem('key-file', privateKey),
    // As in etcd, an authority alone asks for certificates, too.
    ...(authority === undefined ? {} : { clientAuthority: pem('trusted-ca-file', authority) }),
  };
}

function seconds(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`"${text}" is no number of seconds`);
  return Number(text);
}

function quotaBytes(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is no number of bytes`);
  const bytes = Number(text);
  return bytes < 0 ? Number.POSITIVE_INFINITY : bytes;
}
