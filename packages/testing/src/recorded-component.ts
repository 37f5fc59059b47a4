import { Clientset } from '@coracle/client';
import type { Component } from '@coracle/cluster';
import { RecordedTransport } from './recorded-transport.ts';

/**
 * `component`, whose requests go through a transport that `prepare` is given before each start, and may keep:
 *
 * ```ts
 * TestCluster.start({ components: [recordedComponent(fooController, (transport) => { requests = transport; })] });
 * ```
 */
export function recordedComponent(component: Component, prepare: (transport: RecordedTransport) => void): Component {
  return {
    ...component,
    run({ process, clientset }) {
      const transport = new RecordedTransport(clientset.rest.transport);
      prepare(transport);
      return component.run({ process, clientset: new Clientset({ process, transport }) });
    },
  };
}
