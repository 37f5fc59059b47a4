import type { Container, HTTPGetAction, LifecycleHandler, Probe } from '@coracle/api';
import { abortReason, type Dialer, DialError, type Process, TimeoutError } from '@coracle/kernel';
import type { Frozen } from '@coracle/apimachinery';

/** How a try ended. `unknown`: it could not be made; the result stays as it is. */
export type ProbeOutcome = { readonly result: 'success' } | { readonly result: 'failure' | 'unknown'; readonly output: string };

export interface ProbeTarget {
  readonly process: Process;
  readonly dialer: Dialer;
  readonly podIP: string;
  readonly container: Frozen<Container>;
  readonly signal: AbortSignal;
}

/** One try (pkg/probe). Throws only the reason of `target.signal`. */
export async function tryProbe(
  { httpGet, tcpSocket, exec, timeoutSeconds = 1 }: Frozen<Probe>,
  target: ProbeTarget,
): Promise<ProbeOutcome> {
  if (httpGet !== undefined) return httpProbe(httpGet, timeoutSeconds, target);
  if (tcpSocket !== undefined) return tcpProbe(tcpSocket, timeoutSeconds, target);
  return { result: 'unknown', output: `simulated nodes do not support ${exec === undefined ? 'grpc' : 'exec'} probes` };
}

async function httpProbe(action: Frozen<HTTPGetAction>, timeoutSeconds: number, target: ProbeTarget): Promise<ProbeOutcome> {
  const url = urlOf(action, target);
  if (url === undefined) return { result: 'unknown', output: `strconv.Atoi: parsing "${String(action.port)}": invalid syntax` };
  const headers = Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]));
  const call = async (signal: AbortSignal): Promise<ProbeOutcome> => {
    const { status } = await target.dialer.request(url, {
      method: 'GET',
      headers: { 'user-agent': 'kube-probe/1.37', accept: '*/*', ...headers },
      signal,
    });
    return status >= 200 && status < 400
      ? { result: 'success' }
      : { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  };
  return withTimeout(
    call,
    timeoutSeconds,
    target,
    (why) => `Get "${url.href}": ${why === 'timeout' ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : why}`,
  );
}

async function tcpProbe(
  action: { readonly port: number | string; readonly host?: string },
  timeoutSeconds: number,
  target: ProbeTarget,
): Promise<ProbeOutcome> {
  const port = portOf(action.port, target.container);
  if (port === undefined) return { result: 'unknown', output: `strconv.Atoi: parsing "${String(action.port)}": invalid syntax` };
  const host = action.host ?? target.podIP;
  const call = async (signal: AbortSignal): Promise<ProbeOutcome> => {
    const connection = await target.dialer.connect(host, port, { signal });
    connection.close();
    return { result: 'success' };
  };
  return withTimeout(call, timeoutSeconds, target, (why) => (why === 'timeout' ? `dial tcp ${host}:${port}: i/o timeout` : why));
}

async function withTimeout(
  call: (signal: AbortSignal) => Promise<ProbeOutcome>,
  seconds: number,
  { process, signal }: ProbeTarget,
  output: (why: string) => string,
): Promise<ProbeOutcome> {
  using deadline = process.clock.deadline(seconds * 1000, { signal });
  try {
    return await call(deadline.signal);
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    if (error instanceof TimeoutError) return { result: 'failure', output: output('timeout') };
    if (error instanceof DialError) return { result: 'failure', output: output(error.message) };
    throw error;
  }
}

/**
 * Runs a hook of a container's life (pkg/kubelet/lifecycle/handlers.go). Throws an Error that says why it failed; `exec` always
 * does, for there is nothing to execute.
 */
export async function runHook({ httpGet, tcpSocket, sleep }: Frozen<LifecycleHandler>, target: ProbeTarget): Promise<void> {
  if (sleep !== undefined) {
    await target.process.clock.sleep(sleep.seconds * 1000, { signal: target.signal });
    return;
  }
  if (httpGet !== undefined) {
    const url = urlOf(httpGet, target);
    if (url === undefined) throw new Error(`strconv.Atoi: parsing "${String(httpGet.port)}": invalid syntax`);
    await target.dialer.request(url, { method: 'GET', headers: { 'user-agent': 'kube-lifecycle/1.37' }, signal: target.signal });
    return;
  }
  if (tcpSocket !== undefined) return; // upstream ignores it as well
  throw new Error('simulated nodes do not support exec hooks');
}

function urlOf({ host, scheme = 'HTTP', path = '', port }: Frozen<HTTPGetAction>, { podIP, container }: ProbeTarget): URL | undefined {
  const number = portOf(port, container);
  if (number === undefined) return undefined;
  return new URL(`${scheme.toLowerCase()}://${host ?? podIP}:${number}${path.startsWith('/') ? '' : '/'}${path}`);
}

/** A number, or the name of a port of the container. */
export function portOf(port: number | string, container: Frozen<Container>): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  return named ?? (/^\d{1,5}$/.test(port) ? Number(port) : undefined);
}
