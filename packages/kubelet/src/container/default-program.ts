import { type DialResponse, untilAborted } from '@coracle/kernel';
import type { ContainerContext } from './program.ts';

/**
 * What an image without a program of its own does: listens on the TCP ports that the pod declares, answers 200 to any
 * HTTP request, says so in one line, and exits with 0 when it is told to stop.
 */
export async function defaultProgram(container: ContainerContext): Promise<number> {
  const spec = [...(container.pod.spec.initContainers ?? []), ...container.pod.spec.containers].find(({ name }) => name === container.name);
  const ports = (spec?.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(({ containerPort }) => containerPort);
  using listeners = new DisposableStack();
  for (const port of new Set(ports)) listeners.use(container.network.listen(port, async () => hello(container)));
  container.stdout.write(`${container.image} runs${ports.length === 0 ? '' : `, listening on ${ports.join(', ')}`}\n`);
  await untilTerminated(container);
  return 0;
}

function hello({ name, pod }: ContainerContext): DialResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: new TextEncoder().encode(`${name} of ${pod.metadata.name ?? ''}\n`),
  };
}

/** Resolves when the container is told to stop. */
export async function untilTerminated({ terminated }: ContainerContext): Promise<void> {
  await untilAborted(terminated);
}
