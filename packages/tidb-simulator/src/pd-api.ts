import {
  beginEvict,
  deleteMember,
  endEvict,
  type Outcome,
  type PDMemberState,
  type PDState,
  removeStore,
  setStoreLabels,
  setStoreState,
  stateName,
  type StoreState,
  transferLeader,
} from './pd-state.ts';

export interface PDRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** `state` is what PD knows afterwards; the same object when the request only read. */
export interface PDAnswer {
  readonly status: number;
  readonly body: string;
  readonly state: PDState;
}

const notBootstrapped = '[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first';

type Route = readonly [method: string, path: RegExp, serve: (state: PDState, request: PDRequest, part: string, nowMs: number) => PDAnswer];

/**
 * PD's HTTP API (tikv/pd server/api) as a function of its state: what the leader answers. /health and /ping are the
 * member's own and are served beside it.
 */
const routes: readonly Route[] = [
  ['GET', /^\/pd\/api\/v1\/cluster$/, (state) => json(state, { id: BigInt(state.clusterId), max_peer_count: state.maxReplicas })],
  ['GET', /^\/pd\/api\/v1\/members$/, (state) => json(state, membersBody(state))],
  ['GET', /^\/pd\/api\/v1\/leader$/, (state) => json(state, leaderOf(state) ?? null)],
  [
    'POST',
    /^\/pd\/api\/v1\/leader\/transfer\/([^/]+)$/,
    (state, _request, name) => change(state, transferLeader(state, name), 'The transfer command is submitted.'),
  ],
  [
    'DELETE',
    /^\/pd\/api\/v1\/members\/name\/([^/]+)$/,
    (state, _request, name) => change(state, deleteMember(state, { name }), `removed, pd: ${name}`),
  ],
  [
    'DELETE',
    /^\/pd\/api\/v1\/members\/id\/(\d+)$/,
    (state, _request, memberId) => change(state, deleteMember(state, { memberId }), `removed, pd: ${memberId}`),
  ],
  ['GET', /^\/pd\/api\/v2\/ready$/, (state) => json(state, {})],
  ['GET', /^\/pd\/api\/v1\/config$/, (state) => json(state, configBody(state))],
  ['GET', /^\/pd\/api\/v1\/config\/replicate$/, (state) => json(state, configBody(state).replication)],
  ['POST', /^\/pd\/api\/v1\/config\/replicate$/, (state, request) => setReplication(state, request.body)],
  ['GET', /^\/pd\/api\/v1\/stores$/, storesRoute],
  ['GET', /^\/pd\/api\/v1\/store\/(\d+)$/, storeRoute],
  [
    'DELETE',
    /^\/pd\/api\/v1\/store\/(\d+)$/,
    bootstrapped((state, _request, id, nowMs) => change(state, removeStore(state, Number(id), nowMs), 'The store is set as Offline.')),
  ],
  [
    'POST',
    /^\/pd\/api\/v1\/store\/(\d+)\/state$/,
    bootstrapped((state, request, id, nowMs) =>
      change(state, setStoreState(state, Number(id), request.query.get('state') ?? '', nowMs), "The store's state is updated."),
    ),
  ],
  [
    'POST',
    /^\/pd\/api\/v1\/store\/(\d+)\/label$/,
    bootstrapped((state, request, id) =>
      isTextMap(request.body)
        ? change(state, setStoreLabels(state, Number(id), request.body), "The store's label is updated.")
        : failure(state, 400, 'labels must be an object of strings'),
    ),
  ],
  ['GET', /^\/pd\/api\/v1\/schedulers$/, (state) => json(state, schedulersOf(state))],
  ['POST', /^\/pd\/api\/v1\/schedulers$/, bootstrapped(addScheduler)],
  [
    'DELETE',
    /^\/pd\/api\/v1\/schedulers\/evict-leader-scheduler-(\d+)$/,
    (state, _request, id) => change(state, endEvict(state, Number(id)), 'The scheduler is removed.'),
  ],
  ['GET', /^\/pd\/api\/v1\/scheduler-config\/evict-leader-scheduler\/list$/, evictList],
  ['GET', /^\/pd\/api\/v1\/admin\/cluster\/markers\/snapshot-recovering$/, (state) => json(state, { marked: false })],
];

export function answerPD(state: PDState, request: PDRequest, nowMs: number): PDAnswer {
  const known = routes.filter(([, path]) => path.test(request.path));
  const route = known.find(([method]) => method === request.method);
  if (route === undefined) return { status: known.length > 0 ? 405 : 404, body: known.length > 0 ? '' : '404 page not found\n', state };
  const [, path, serve] = route;
  let part: string;
  try {
    part = decodeURIComponent(path.exec(request.path)?.[1] ?? '');
  } catch {
    return failure(state, 400, 'invalid URL escape'); // decodeURIComponent knows no other failure
  }
  return serve(state, request, part, nowMs);
}

/** Routes about the cluster answer 500 until the first TiKV has come. */
function bootstrapped(serve: Route[2]): Route[2] {
  return (state, request, part, nowMs) => (state.bootstrapped ? serve(state, request, part, nowMs) : failure(state, 500, notBootstrapped));
}

function storesRoute(state: PDState, request: PDRequest, _part: string, nowMs: number): PDAnswer {
  if (!state.bootstrapped) return failure(state, 500, notBootstrapped);
  const asked = request.query.getAll('state');
  const numbers: readonly StoreState['state'][] = ['Up', 'Offline', 'Tombstone'];
  const bad = asked.find((one) => !/^[012]$/.test(one));
  if (bad !== undefined) return failure(state, 500, `unknown StoreState: ${bad}`);
  const wanted = asked.length === 0 ? numbers.slice(0, 2) : asked.flatMap((one) => numbers[Number(one)] ?? []);
  const stores = state.stores.filter((store) => wanted.includes(store.state));
  return json(state, { count: stores.length, stores: stores.map((store) => storeBody(store, nowMs)) });
}

function storeRoute(state: PDState, _request: PDRequest, id: string, nowMs: number): PDAnswer {
  if (!state.bootstrapped) return failure(state, 500, notBootstrapped);
  const store = state.stores.find((one) => one.id === Number(id));
  return store === undefined
    ? failure(state, 404, `[PD:core:ErrStoreNotFound]store ${id} not found`)
    : json(state, storeBody(store, nowMs));
}

function addScheduler(state: PDState, request: PDRequest): PDAnswer {
  const body = request.body;
  if (typeof body !== 'object' || body === null || !('name' in body)) return failure(state, 400, 'missing scheduler name');
  if (body.name !== 'evict-leader-scheduler') return failure(state, 400, 'unknown scheduler');
  if (!('store_id' in body) || typeof body.store_id !== 'number') return failure(state, 400, 'missing store id');
  return change(state, beginEvict(state, body.store_id), 'The scheduler is created.');
}

function evictList(state: PDState): PDAnswer {
  if (state.evicting.length === 0) return failure(state, 404, '[PD:scheduler:ErrSchedulerNotFound]scheduler not found');
  const ranges = state.evicting.map((id) => [String(id), [{ 'start-key': '', 'end-key': '' }]]);
  return json(state, { 'store-id-ranges': Object.fromEntries(ranges) });
}

function setReplication(state: PDState, body: unknown): PDAnswer {
  if (typeof body !== 'object' || body === null) return failure(state, 400, 'the body must be an object');
  if (!('max-replicas' in body)) return json(state, 'The replication config is updated.');
  const maxReplicas = Number(body['max-replicas']);
  if (!Number.isInteger(maxReplicas) || maxReplicas < 1) return failure(state, 400, 'max-replicas must be a positive integer');
  return { ...json(state, 'The replication config is updated.'), state: { ...state, maxReplicas, version: state.version + 1 } };
}

function schedulersOf(state: PDState): readonly string[] {
  const evict = state.evicting.length > 0 ? ['evict-leader-scheduler'] : [];
  return ['balance-hot-region-scheduler', 'balance-leader-scheduler', 'balance-region-scheduler', ...evict];
}

function leaderOf(state: PDState): unknown {
  const leader = state.members.find((member) => member.name === state.leader);
  return leader === undefined ? undefined : memberBody(leader);
}

function membersBody(state: PDState): unknown {
  const leader = leaderOf(state);
  return { header: { cluster_id: BigInt(state.clusterId) }, members: state.members.map(memberBody), leader, etcd_leader: leader };
}

export function memberBody(member: PDMemberState): {
  readonly name: string;
  readonly member_id: bigint;
  readonly peer_urls: readonly string[];
  readonly client_urls: readonly string[];
} {
  return { name: member.name, member_id: BigInt(member.memberId), peer_urls: [member.peerUrl], client_urls: [member.clientUrl] };
}

/** Two of these booleans are strings and the labels one comma string: so PD writes them. */
function configBody(state: PDState): { readonly replication: unknown } {
  return {
    replication: {
      'max-replicas': state.maxReplicas,
      'location-labels': '',
      'strictly-match-label': 'false',
      'enable-placement-rules': 'true',
    },
  };
}

function storeBody(store: StoreState, nowMs: number): unknown {
  return {
    store: {
      id: store.id,
      address: store.address,
      state: { Up: 0, Offline: 1, Tombstone: 2 }[store.state],
      labels: store.labels,
      version: store.version,
      status_address: store.statusAddress,
      state_name: stateName(store, nowMs),
    },
    status: {
      capacity: '100GiB',
      available: '90GiB',
      leader_count: store.leaders,
      region_count: store.regions,
      start_ts: new Date(store.startMs).toISOString(),
      last_heartbeat_ts: new Date(store.heartbeatMs).toISOString(),
      uptime: `${Math.floor((store.heartbeatMs - store.startMs) / 1000)}s`,
    },
  };
}

function isTextMap(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === 'string')
  );
}

function change(state: PDState, outcome: Outcome, message: string): PDAnswer {
  if ('refused' in outcome) return failure(state, outcome.refused.status, outcome.refused.message);
  return { ...json(state, message), state: outcome.state };
}

function json(state: PDState, value: unknown): PDAnswer {
  return { status: 200, body: `${writeWithBigints(value)}\n`, state };
}

/** PD's errors are a JSON string and a newline. */
function failure(state: PDState, status: number, message: string): PDAnswer {
  return { status, body: `${JSON.stringify(message)}\n`, state };
}

/** JSON in which a bigint is a number: member and cluster ids are uint64. */
export function writeWithBigints(value: unknown): string {
  const text = JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? `\u0000${member}\u0000` : member));
  return text.replaceAll(/"\\u0000(\d+)\\u0000"/g, '$1');
}
