/** What PD knows: plain frozen data, replicated to every member. uint64 ids are text. */
export interface PDState {
  readonly clusterId: string;
  /** +1 per change; the member with the higher one knows more. */
  readonly version: number;
  readonly leader: string;
  readonly members: readonly PDMemberState[];
  readonly nextId: number;
  /** Set by the first TiKV. */
  readonly bootstrapped: boolean;
  readonly regionTotal: number;
  readonly maxReplicas: number;
  readonly stores: readonly StoreState[];
  /** Stores that leaders have to leave. */
  readonly evicting: readonly number[];
}

export interface PDMemberState {
  readonly name: string;
  readonly memberId: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
}

export interface StoreState {
  readonly id: number;
  readonly address: string;
  readonly statusAddress: string;
  readonly version: string;
  readonly state: 'Up' | 'Offline' | 'Tombstone';
  readonly labels: readonly { readonly key: string; readonly value: string }[];
  readonly regions: number;
  readonly leaders: number;
  readonly startMs: number;
  readonly heartbeatMs: number;
}

/** A change that PD refuses: the HTTP status and text that it answers with. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

export type Outcome = { readonly state: PDState } | { readonly refused: Refusal };

/** After these times without a heartbeat a store shows as Disconnected, then Down (tikv/pd pkg/core/store.go). */
const disconnectedAfterMs = 20_000;
const downAfterMs = 30 * 60_000;
/** Regions of a young cluster, and how many peers or leaders of one store move in one round. */
const initialRegions = 20;
const movesPerRound = 4;

export function newPDState(clusterId: string, first: PDMemberState): PDState {
  return {
    clusterId,
    version: 1,
    leader: first.name,
    members: [first],
    nextId: 1,
    bootstrapped: false,
    regionTotal: 0,
    maxReplicas: 3,
    stores: [],
    evicting: [],
  };
}

export function stateName(store: StoreState, nowMs: number): string {
  if (store.state !== 'Up') return store.state;
  const silentMs = nowMs - store.heartbeatMs;
  if (silentMs > downAfterMs) return 'Down';
  return silentMs > disconnectedAfterMs ? 'Disconnected' : 'Up';
}

function changed(state: PDState, change: Partial<PDState>): Outcome {
  return { state: { ...state, ...change, version: state.version + 1 } };
}

function refuse(status: number, message: string): Outcome {
  return { refused: { status, message } };
}

function withStore(state: PDState, id: number, change: Partial<StoreState>): readonly StoreState[] {
  return state.stores.map((store) => (store.id === id ? { ...store, ...change } : store));
}

/** A TiKV starts. Its address may belong to one store only; a tombstone does not come back. The first one bootstraps the cluster. */
export function putStore(
  state: PDState,
  asked: {
    readonly id?: number;
    readonly address: string;
    readonly statusAddress: string;
    readonly version: string;
    readonly nowMs: number;
  },
): Outcome & { readonly id?: number } {
  const { address, statusAddress, version, nowMs } = asked;
  const known = state.stores.find((store) => store.id === asked.id);
  if (known?.state === 'Tombstone') return refuse(410, `store ${known.id} has been removed`);
  const twin = state.stores.find((store) => store.address === address && store.state !== 'Tombstone' && store.id !== asked.id);
  if (twin !== undefined) {
    return refuse(
      400,
      `duplicated store address: id:${asked.id ?? state.nextId} address:"${address}", already registered by id:${twin.id} address:"${twin.address}"`,
    );
  }
  if (known !== undefined) {
    const stores = withStore(state, known.id, { address, statusAddress, version, startMs: nowMs, heartbeatMs: nowMs });
    return { ...changed(state, { stores }), id: known.id };
  }
  const id = asked.id ?? state.nextId;
  const store: StoreState = {
    id,
    address,
    statusAddress,
    version,
    state: 'Up',
    labels: [],
    regions: 0,
    leaders: 0,
    startMs: nowMs,
    heartbeatMs: nowMs,
  };
  const first = state.bootstrapped ? store : { ...store, regions: initialRegions, leaders: initialRegions };
  return {
    ...changed(state, {
      stores: [...state.stores, first],
      nextId: Math.max(state.nextId, id + 1),
      bootstrapped: true,
      regionTotal: state.bootstrapped ? state.regionTotal : initialRegions,
    }),
    id,
  };
}

export function heartbeat(state: PDState, id: number, nowMs: number): Outcome {
  const store = state.stores.find((one) => one.id === id);
  if (store === undefined) return refuse(404, `store ${id} not found`);
  if (store.state === 'Tombstone') return refuse(410, `store ${id} has been removed`);
  return { state: { ...state, stores: withStore(state, id, { heartbeatMs: nowMs }) } };
}

/** DELETE store (tikv/pd server/cluster/cluster.go RemoveStore). */
export function removeStore(state: PDState, id: number, nowMs: number): Outcome {
  const store = state.stores.find((one) => one.id === id);
  if (store === undefined) return refuse(404, `[PD:core:ErrStoreNotFound]store ${id} not found`);
  if (store.state === 'Tombstone') return refuse(410, `[PD:core:ErrStoreRemoved]store ${id} has been removed`);
  if (store.state === 'Offline') return { state };
  const rest = state.stores.filter((one) => one.id !== id && stateName(one, nowMs) === 'Up');
  if (rest.length < state.maxReplicas) {
    return refuse(400, `can not remove store ${id} since the number of up stores would be ${rest.length} while need ${state.maxReplicas}`);
  }
  if (rest.every((one) => state.evicting.includes(one.id))) {
    return refuse(400, `can not remove store ${id} since there are no extra up store to store the leader`);
  }
  return changed(state, { stores: withStore(state, id, { state: 'Offline' }) });
}

/** POST store/{id}/state (`Up` cancels a removal). */
export function setStoreState(state: PDState, id: number, wanted: string, nowMs: number): Outcome {
  const store = state.stores.find((one) => one.id === id);
  if (store === undefined) return refuse(404, `store ${id} not found`);
  if (wanted === 'Offline') return removeStore(state, id, nowMs);
  if (wanted !== 'Up') return refuse(400, `invalid state ${wanted}`);
  if (store.state === 'Tombstone') return refuse(410, `[PD:core:ErrStoreRemoved]store ${id} has been removed`);
  return store.state === 'Up' ? { state } : changed(state, { stores: withStore(state, id, { state: 'Up' }) });
}

export function setStoreLabels(state: PDState, id: number, labels: Readonly<Record<string, string>>): Outcome {
  const store = state.stores.find((one) => one.id === id);
  if (store === undefined) return refuse(404, `store ${id} not found`);
  const kept = store.labels.filter((label) => !Object.hasOwn(labels, label.key));
  return changed(state, {
    stores: withStore(state, id, { labels: [...kept, ...Object.entries(labels).map(([key, value]) => ({ key, value }))] }),
  });
}

export function beginEvict(state: PDState, id: number): Outcome {
  if (!state.stores.some((one) => one.id === id && one.state !== 'Tombstone')) return refuse(500, `store ${id} not found`);
  return state.evicting.includes(id) ? { state } : changed(state, { evicting: [...state.evicting, id] });
}

export function endEvict(state: PDState, id: number): Outcome {
  if (!state.evicting.includes(id)) return refuse(404, '[PD:scheduler:ErrSchedulerNotFound]scheduler not found');
  return changed(state, { evicting: state.evicting.filter((one) => one !== id) });
}

/** etcd's MemberAdd, by way of `--join`. */
export function addMember(state: PDState, member: PDMemberState): Outcome {
  if (state.members.some((one) => one.name === member.name)) return refuse(400, 'missing data or join a duplicated pd');
  return changed(state, { members: [...state.members, member] });
}

export function deleteMember(state: PDState, by: { readonly name: string } | { readonly memberId: string }): Outcome {
  const gone = state.members.find((one) => ('name' in by ? one.name === by.name : one.memberId === by.memberId));
  if (gone === undefined) {
    return 'name' in by ? refuse(404, `not found, pd: ${by.name}`) : refuse(500, `etcdserver: member not found`);
  }
  const members = state.members.filter((one) => one !== gone);
  if (members.length === 0) return refuse(500, 'etcdserver: re-configuration failed due to not enough started members');
  const leader = gone.name === state.leader ? (members[0]?.name ?? '') : state.leader;
  return changed(state, { members, leader });
}

export function transferLeader(state: PDState, name: string): Outcome {
  if (!state.members.some((one) => one.name === name)) return refuse(500, `member not found: ${name}`);
  return name === state.leader ? { state } : changed(state, { leader: name });
}

/**
 * One round of scheduling: peers leave Offline stores and spread over Up ones, leaders leave evicted and Offline stores, an
 * empty Offline store becomes a Tombstone. Returns the same object when nothing is left to move.
 */
export function scheduleRound(state: PDState, nowMs: number): PDState {
  const up = state.stores.filter((store) => stateName(store, nowMs) === 'Up');
  if (up.length === 0 || !state.bootstrapped) return state;
  const peers = movePeers(state, up);
  const leaders = moveLeaders(state, peers, nowMs);
  const stores = leaders.map(
    (store): StoreState => (store.state === 'Offline' && store.regions === 0 ? { ...store, state: 'Tombstone', leaders: 0 } : store),
  );
  const isSame = stores.every((store, i) => store === state.stores[i]);
  return isSame ? state : { ...state, stores, version: state.version + 1 };
}

/** Where each Up store's peers should end: even shares, remainders to the older stores. */
function movePeers(state: PDState, up: readonly StoreState[]): readonly StoreState[] {
  const wanted = state.regionTotal * Math.min(state.maxReplicas, up.length);
  const target = new Map(up.map((store, i) => [store.id, Math.floor(wanted / up.length) + (i < wanted % up.length ? 1 : 0)]));
  const canLeave = up.length >= Math.min(state.maxReplicas, state.stores.filter((store) => store.state !== 'Tombstone').length - 1);
  return state.stores.map((store) => {
    const goal = store.state === 'Offline' && canLeave ? 0 : (target.get(store.id) ?? store.regions);
    return goal === store.regions ? store : { ...store, regions: stepTowards(store.regions, goal) };
  });
}

/** A leader needs a peer at the place where it goes, so the receiving store's peers bound it. */
function moveLeaders(state: PDState, stores: readonly StoreState[], nowMs: number): readonly StoreState[] {
  const takes = (store: StoreState): boolean => stateName(store, nowMs) === 'Up' && !state.evicting.includes(store.id) && store.regions > 0;
  const hosts = stores.filter(takes);
  if (hosts.length === 0) return stores;
  const goal = new Map(
    hosts.map((store, i) => [store.id, Math.floor(state.regionTotal / hosts.length) + (i < state.regionTotal % hosts.length ? 1 : 0)]),
  );
  const leaders = new Map(stores.map((store) => [store.id, store.leaders]));
  for (const from of stores) {
    for (let moved = 0; moved < movesPerRound; moved++) {
      const excess = (leaders.get(from.id) ?? 0) - (goal.get(from.id) ?? 0);
      const to = hosts.find((store) => (leaders.get(store.id) ?? 0) < Math.min(goal.get(store.id) ?? 0, store.regions));
      if (excess <= 0 || to === undefined) break;
      leaders.set(from.id, (leaders.get(from.id) ?? 0) - 1);
      leaders.set(to.id, (leaders.get(to.id) ?? 0) + 1);
    }
  }
  return stores.map((store) => (leaders.get(store.id) === store.leaders ? store : { ...store, leaders: leaders.get(store.id) ?? 0 }));
}

function stepTowards(from: number, goal: number): number {
  return goal > from ? Math.min(goal, from + movesPerRound) : Math.max(goal, from - movesPerRound);
}
