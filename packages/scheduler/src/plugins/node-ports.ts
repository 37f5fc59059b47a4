import { portsConflict } from '../cache/pod-info.ts';
import { type FilterPlugin, noSay } from '../framework.ts';

/** The host ports that a pod wants must be free (plugins/nodeports). */
export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  requeueOn: ['node/added', 'pod/removed'],
  prepare({ hostPorts }) {
    if (hostPorts.length === 0) return noSay;
    return {
      say: 'nodes',
      filter: (node) => {
        for (const taken of node.hostPorts) {
          if (hostPorts.some((wanted) => portsConflict(wanted, taken)))
            return ["node(s) didn't have free ports for the requested pod ports"];
        }
        return [];
      },
    };
  },
};
