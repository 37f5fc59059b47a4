import type { Dialer, DialResponse, Process, RequestHandler } from '@coracle/kernel';

/**
 * What a TiDB program uses of its container: a part of kubelet's `ContainerContext` (interfaces.md section 6), so that tests
 * need no kubelet. A kubelet's container is one of these.
 */
export interface TidbContainer {
  readonly name: string;
  /** As in the pod: `pingcap/tikv:v8.5.7`. */
  readonly image?: string;
  readonly env: ReadonlyMap<string, string>;
  readonly pod: { readonly metadata?: { readonly name?: string; readonly namespace?: string } };
  readonly process: Process;
  readonly files: { read(path: string): string | undefined; write(path: string, text: string): void };
  readonly network: Dialer & { listen(port: number, handler?: RequestHandler): Disposable };
  readonly stdout: { write(text: string): void };
  readonly terminated: AbortSignal;
  readonly resumed: unknown;
  checkpoint(save: () => unknown): void;
}

export type TidbProgram = (container: TidbContainer) => Promise<number>;

export function podNameOf(container: TidbContainer): string {
  return container.pod.metadata?.name ?? '';
}

/** A variable that the operator sets. Throws when it is missing: the program cannot run without, and the pod shows why. */
export function envOf(container: TidbContainer, name: string): string {
  const value = container.env.get(name);
  if (value === undefined) throw new Error(`Cannot start ${container.name}: environment variable ${name} is not set`);
  return value;
}

export function response(status: number, body: string, contentType = 'application/json'): DialResponse {
  return { status, headers: { 'content-type': contentType }, body: new TextEncoder().encode(body) };
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** One request with a deadline. Undefined when nobody answered, whatever the cause: the callers all try again. */
export async function call(
  container: TidbContainer,
  url: string,
  { method = 'GET', body, timeoutMs = 3000 }: CallOptions = {},
): Promise<{ status: number; text: string } | undefined> {
  using deadline = container.process.clock.deadline(timeoutMs, { signal: container.terminated, background: true });
  try {
    const answer = await container.network.request(new URL(url), {
      method,
      signal: deadline.signal,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: new TextEncoder().encode(JSON.stringify(body)) }),
    });
    return { status: answer.status, text: new TextDecoder().decode(answer.body) };
  } catch {
    return undefined; // refused, unknown host, too late: no answer
  }
}

/** Sleeps unless the container is told to stop. False when it was. */
export async function pause(container: TidbContainer, ms: number, options: { readonly background: boolean }): Promise<boolean> {
  try {
    await container.process.clock.sleep(ms, { signal: container.terminated, background: options.background });
    return true;
  } catch (error) {
    if (container.terminated.aborted) return false;
    throw error;
  }
}

/** JSON or undefined: what another program sent may be anything. */
export function readJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON
  }
}
