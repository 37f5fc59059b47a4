import { BootstrapError, checkInitialCluster, checkPeerUrl, parseInitialCluster, type PeerOptions, type PeerTls } from '@coracle/etcd';
import { booleanOf, listenUrl } from './flag-values.ts';
import { UsageError } from './flags.ts';
import { pem } from './pem.ts';

/** etcd's flags for one member of several. */
export const peerFlags = [
  'listen-peer-urls',
  'initial-advertise-peer-urls',
  'initial-cluster',
  'initial-cluster-state',
  'initial-cluster-token',
  'peer-cert-file',
  'peer-key-file',
  'peer-trusted-ca-file',
  'peer-client-cert-auth',
  'heartbeat-interval',
  'election-timeout',
  'strict-reconfig-check',
] as const;

type Values = Readonly<Partial<Record<(typeof peerFlags)[number], string>>>;

export const peerHelp: readonly (readonly [flag: string, meaning: string])[] = [
  ['--listen-peer-urls URL', 'where to listen to other members; without it and the next two, the member is alone'],
  ['--initial-advertise-peer-urls URLS', 'where other members find this one (default: where it listens)'],
  ['--initial-cluster LIST', 'the members: NAME=URL,NAME=URL,… (default: this one)'],
  ['--initial-cluster-state STATE', '"new" for those who begin a cluster, "existing" for one that was added to it (default: new)'],
  ['--initial-cluster-token TEXT', 'tells apart clusters of the same members (default: etcd-cluster)'],
  ['--peer-cert-file PATH', 'certificate that other members are shown (PEM), for https'],
  ['--peer-key-file PATH', 'its private key (PEM)'],
  ['--peer-trusted-ca-file PATH', "authority of the members' certificates (PEM)"],
  ['--peer-client-cert-auth', 'as in etcd; always the case where there are certificates'],
  ['--heartbeat-interval MS', 'how often a leader is heard of (default 100)'],
  ['--strict-reconfig-check=false', 'change the membership even if too few members may be left that run (default true)'],
  ['--election-timeout MS', 'how long to do without a leader (default 1000)'],
];

/** What the flags say of the other members; undefined for a member that is alone. Throws UsageError. */
export function peerOptions(name: string, values: Values): PeerOptions | undefined {
  const listen = values['listen-peer-urls'];
  const cluster = values['initial-cluster'];
  if (listen === undefined && cluster === undefined && values['initial-advertise-peer-urls'] === undefined) {
    const without = peerFlags.find((flag) => values[flag] !== undefined);
    if (without !== undefined) throw new UsageError(`--${without} is for one member of several: --initial-cluster names them`);
    return undefined;
  }
  const listenUrls = (listen ?? 'http://localhost:2380').split(',').map((text) => listenUrl(text.trim()));
  const [at] = listenUrls;
  if (at === undefined || listenUrls.length > 1) throw new UsageError('--listen-peer-urls takes one URL');
  if (at.port === '') throw new UsageError(`"${at.href}" is no URL to listen at: it needs a port`);
  const tls = peerTls(values);
  const advertise = (values['initial-advertise-peer-urls'] ?? at.origin).split(',').map((text) => text.trim());
  try {
    for (const url of advertise) checkPeerUrl(url);
    const members = cluster === undefined ? new Map([[name, advertise]]) : parseInitialCluster(cluster);
    const initial = { members, state: stateOf(values['initial-cluster-state']), token: values['initial-cluster-token'] ?? 'etcd-cluster' };
    checkInitialCluster(name, advertise, initial);
    checkSchemes([at.href, ...advertise, ...[...members.values()].flat()], tls);
    return {
      listen: { host: at.hostname.replace(/^\[|\]$/g, ''), port: Number(at.port) },
      advertise,
      initial,
      ...(tls === undefined ? {} : { tls }),
      ...timing(values),
      ...(booleanOf('strict-reconfig-check', values['strict-reconfig-check'] ?? 'true') ? {} : { strictReconfigCheck: false }),
    };
  } catch (error) {
    if (error instanceof BootstrapError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function stateOf(text: string | undefined): 'new' | 'existing' {
  if (text === undefined || text === 'new') return 'new';
  if (text === 'existing') return text;
  throw new UsageError(`"${text}" is no value of --initial-cluster-state: new or existing`);
}

function peerTls(values: Values): PeerTls | undefined {
  const { 'peer-cert-file': certificate, 'peer-key-file': privateKey, 'peer-trusted-ca-file': authority } = values;
  const asksForCertificates = booleanOf('peer-client-cert-auth', values['peer-client-cert-auth']);
  if (certificate === undefined && privateKey === undefined && authority === undefined && !asksForCertificates) return undefined;
  if (certificate === undefined || privateKey === undefined || authority === undefined) {
    throw new UsageError('--peer-cert-file, --peer-key-file and --peer-trusted-ca-file go together');
  }
  return {
    cert: pem('peer-cert-file', certificate),
    key: pem('peer-key-file', privateKey),
    ca: pem('peer-trusted-ca-file', authority),
  };
}

function checkSchemes(urls: readonly string[], tls: PeerTls | undefined): void {
  const wanted = tls === undefined ? 'http://' : 'https://';
  const other = urls.find((url) => !url.startsWith(wanted));
  if (other === undefined) return;
  throw new UsageError(
    tls === undefined
      ? `"${other}" needs --peer-cert-file, --peer-key-file and --peer-trusted-ca-file`
      : `"${other}" is to be https: there is a certificate`,
  );
}

/** As embed.Config.Validate. */
function timing(values: Values): Pick<PeerOptions, 'tickMs' | 'electionTicks'> {
  const { 'heartbeat-interval': heartbeat, 'election-timeout': election } = values;
  const tickMs = milliseconds('heartbeat-interval', heartbeat ?? '100');
  const electionMs = milliseconds('election-timeout', election ?? '1000');
  if (5 * tickMs > electionMs) {
    throw new UsageError(`--election-timeout[${electionMs}ms] should be at least as 5 times as --heartbeat-interval[${tickMs}ms]`);
  }
  if (electionMs > maxElectionMs) {
    throw new UsageError(`--election-timeout[${electionMs}ms] is too long, and should be set less than ${maxElectionMs}ms`);
  }
  if (heartbeat === undefined && election === undefined) return {};
  return { tickMs, electionTicks: Math.floor(electionMs / tickMs) };
}

const maxElectionMs = 50_000;

function milliseconds(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`"${text}" is no number of milliseconds`);
  if (Number(text) === 0) throw new UsageError(`--${flag} must be >0 (set to 0ms)`);
  return Number(text);
}
