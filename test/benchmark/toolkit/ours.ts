/**
 * Our informer against the pod server: `ours.ts URL CONTROL PODS EVENTS [whole|read]`. `whole`: with managedFields; `read`: the handler
 * reads spec and status of every object, so that all of it is parsed.
 */
// Loaded before anything is measured: from sources of TypeScript that takes ten times as long as from the package.
import '@coracle/api/protobuf';
import { Clientset, httpTransport, resources, SharedInformerFactory, withoutManagedFields } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { measureInformer } from './measure.ts';

const [url = '', control = '', pods, events, what] = process.argv.slice(2);
const component = new LiveRuntime().process('toolkit');
interface Parts {
  readonly spec?: unknown;
  readonly status?: unknown;
}
function read({ spec, status }: Parts): void {
  if (spec === undefined || status === undefined) throw new Error('The server gave something else than pods');
}
const figures = await measureInformer(
  async (server, told) => {
    const transport = httpTransport({ process: component, config: { server, insecureSkipTlsVerify: true } });
    const factory = new SharedInformerFactory(
      new Clientset({ process: component, transport }),
      what === 'whole' ? {} : { transform: withoutManagedFields },
    );
    factory.forResource(resources.core.v1.pods).addEventHandler(
      what === 'read'
        ? {
            onAdd: read,
            onUpdate(_old, pod): void {
              read(pod);
              told();
            },
          }
        : { onUpdate: told },
    );
    factory.start();
    await factory.waitForCacheSync();
  },
  { url, control, pods: Number(pods), events: Number(events) },
);
console.log(JSON.stringify(figures));
process.exit();
