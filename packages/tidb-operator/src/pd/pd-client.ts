import { readJson } from '@coracle/apimachinery';
import { type Dialer, DialError, type DialResponse } from '@coracle/kernel';
import type { PDCall, PDMember, PDStore, PDView } from '../plan/state.ts';

/** Answers beyond this are refused: PD of 1,000 stores says about 1 MB. */
const maxAnswerBytes = 16 * 1024 * 1024;
const notBootstrapped = 'TiKV cluster not bootstrapped, please start TiKV first"\n';

/** PD refused a call, or said something that cannot be understood. */
export class PDError extends Error {
  override readonly name = 'PDError';
}

/**
 * PD's HTTP API, as far as the operator asks it (upstream: pkg/pdapi/pdapi.go). Speaks through a `Dialer`, so it reaches the
 * virtual network of a simulated cluster and a real PD alike. Every call throws PDError or DialError.
 */
export class PDClient {
  readonly #dialer: Dialer;
  readonly #baseUrl: string;

  constructor(dialer: Dialer, baseUrl: string) {
    this.#dialer = dialer;
    this.#baseUrl = baseUrl;
  }

  /** All that a sync wants to know. A PD that cannot be asked is an answer too. */
  async view(signal: AbortSignal): Promise<PDView> {
    try {
      const health = listOf(await this.#get('/pd/api/v1/health', signal));
      const cluster = objectOf(await this.#get('/pd/api/v1/cluster', signal));
      const leader = objectOf(await this.#get('/pd/api/v1/leader', signal));
      const stores = await this.#stores('', signal);
      const tombstones = stores === undefined ? [] : await this.#stores('?state=2', signal);
      const config = objectOf(await this.#get('/pd/api/v1/config', signal));
      return {
        answered: true,
        clusterId: idText(cluster['id']),
        members: health.map(memberOf),
        leader: typeof leader['name'] === 'string' ? leader['name'] : undefined,
        stores,
        tombstones: tombstones ?? [],
        maxReplicas: Number(objectOf(config['replication'])['max-replicas'] ?? 3),
      };
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof PDError || error instanceof DialError) return { answered: false, why: error.message };
      throw error;
    }
  }

  async call(request: PDCall, signal: AbortSignal): Promise<void> {
    switch (request.call) {
      case 'delete-store':
        return await this.#send('DELETE', `/pd/api/v1/store/${request.id}`, undefined, signal);
      case 'keep-store':
        return await this.#send('POST', `/pd/api/v1/store/${request.id}/state?state=Up`, undefined, signal);
      case 'evict-leaders':
        // The id is a uint64 and goes out as the number that it is: written by hand, since a double may not hold it.
        return await this.#send('POST', '/pd/api/v1/schedulers', `{"name":"evict-leader-scheduler","store_id":${request.id}}`, signal);
      case 'end-evict-leaders':
        return await this.#send('DELETE', `/pd/api/v1/schedulers/evict-leader-scheduler-${request.id}`, undefined, signal);
      case 'delete-member':
        return await this.#send('DELETE', `/pd/api/v1/members/name/${encodeURIComponent(request.name)}`, undefined, signal);
      case 'transfer-leader':
        return await this.#send('POST', `/pd/api/v1/leader/transfer/${encodeURIComponent(request.name)}`, undefined, signal);
    }
  }

  async #stores(query: string, signal: AbortSignal): Promise<readonly PDStore[] | undefined> {
    const path = `/pd/api/v1/stores${query}`;
    const response = await this.#dialer.request(new URL(path, this.#baseUrl), { method: 'GET', signal });
    const text = textOf(response);
    if (response.status >= 400 && text.endsWith(notBootstrapped)) return undefined;
    const list = objectOf(parse(`GET ${path}`, response.status, text))['stores'];
    return listOf(list ?? []).flatMap(storeOf);
  }

  async #get(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.#dialer.request(new URL(path, this.#baseUrl), { method: 'GET', signal });
    return parse(`GET ${path}`, response.status, textOf(response));
  }

  /** 404 is success: what was to go is gone. */
  async #send(method: string, path: string, body: string | undefined, signal: AbortSignal): Promise<void> {
    const response = await this.#dialer.request(new URL(path, this.#baseUrl), {
      method,
      signal,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: new TextEncoder().encode(body) }),
    });
    if (response.status < 400 || response.status === 404) return;
    throw new PDError(`PD refused ${method} ${path} with ${response.status}: ${textOf(response).trim().slice(0, 300)}`);
  }
}

function textOf(response: DialResponse): string {
  if (response.body.byteLength > maxAnswerBytes)
    throw new PDError(`PD's answer has ${response.body.byteLength} bytes, more than ${maxAnswerBytes}`);
  return new TextDecoder().decode(response.body);
}

function parse(what: string, status: number, text: string): unknown {
  if (status >= 400) throw new PDError(`PD answered ${what} with ${status}: ${text.trim().slice(0, 300)}`);
  try {
    return readJson(text, { bigints: true, maxDepth: 64 }).value;
  } catch (cause) {
    throw new PDError(`Cannot read PD's answer to ${what}`, { cause });
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {}; // just checked
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new PDError('PD answered with something that is no list');
  return value;
}

function idText(value: unknown): string {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new PDError(`PD gave the id ${JSON.stringify(value)}, which is no number`);
  return String(value);
}

function memberOf(value: unknown): PDMember {
  const member = objectOf(value);
  const urls = member['client_urls'];
  return {
    name: stringOf(member['name']),
    memberId: idText(member['member_id']),
    clientUrls: Array.isArray(urls) ? urls.map(String) : [],
    health: member['health'] === true,
  };
}

/** A store without `store` or `status` is skipped, as upstream does. */
function storeOf(value: unknown): readonly PDStore[] {
  const { store, status } = objectOf(value);
  if (typeof store !== 'object' || typeof status !== 'object' || store === null || status === null) return [];
  const [facts, load] = [objectOf(store), objectOf(status)];
  return [
    {
      id: idText(facts['id']),
      address: stringOf(facts['address']),
      stateName: stringOf(facts['state_name']),
      leaderCount: Number(load['leader_count'] ?? 0),
      regionCount: Number(load['region_count'] ?? 0),
    },
  ];
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
