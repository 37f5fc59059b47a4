/** Our informer against the pod server: `ours.ts URL PODS EVENTS [whole]`; `whole`: with managedFields. */
import { Clientset, httpTransport, resources, SharedInformerFactory, withoutManagedFields } from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';
import { measureInformer } from './measure.ts';

const [url = '', pods, events, what] = process.argv.slice(2);
const component = new LiveRuntime().process('toolkit');
const figures = await measureInformer(
  async (server, told) => {
    const transport = httpTransport({ process: component, config: { server } });
    const factory = new SharedInformerFactory(
      new Clientset({ process: component, transport }),
      what === 'whole' ? {} : { transform: withoutManagedFields },
    );
    factory.forResource(resources.core.v1.pods).addEventHandler({ onUpdate: told });
    factory.start();
    await factory.waitForCacheSync();
  },
  url,
  Number(pods),
  Number(events),
);
console.log(JSON.stringify(figures));
process.exit();
