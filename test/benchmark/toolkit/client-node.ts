/** The informer of @kubernetes/client-node against the pod server: `client-node.ts URL CONTROL PODS EVENTS LIBRARY`. */
import { measureInformer } from './measure.ts';

/** As much of client-node as is used here. */
interface ClientNode {
  readonly KubeConfig: new () => {
    loadFromOptions(options: object): void;
    makeApiClient(api: unknown): { listPodForAllNamespaces(): Promise<unknown> };
  };
  readonly CoreV1Api: unknown;
  makeInformer(
    config: object,
    path: string,
    list: () => Promise<unknown>,
  ): { on(verb: string, told: (pod: object) => void): void; start(): Promise<void> };
}

const [url = '', control = '', pods, events, library = ''] = process.argv.slice(2);
const { KubeConfig, CoreV1Api, makeInformer } = (await import(library)) as ClientNode;
const figures = await measureInformer(
  async (server, told) => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'c', server, skipTLSVerify: true }],
      users: [{ name: 'u' }],
      contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
      currentContext: 'x',
    });
    const api = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, '/api/v1/pods', () => api.listPodForAllNamespaces());
    let missing = Number(pods);
    const synced = new Promise<void>((resolve) => informer.on('add', () => (--missing === 0 ? resolve() : undefined)));
    informer.on('update', told);
    await informer.start();
    await synced;
    // Its watch is not waited for by `start`.
    await new Promise((resolve) => setTimeout(resolve, 500));
  },
  { url, control, pods: Number(pods), events: Number(events) },
);
console.log(JSON.stringify(figures));
process.exit();
