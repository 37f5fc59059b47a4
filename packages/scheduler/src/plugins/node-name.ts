import { type FilterPlugin, noSay } from '../framework.ts';

/** A pod that was made for one node (`spec.nodeName`) fits there only (plugins/nodename). */
export const nodeName: FilterPlugin = {
  name: 'NodeName',
  requeueOn: ['node/added'],
  prepare({ pod }) {
    const wanted = pod.spec?.nodeName ?? '';
    if (wanted === '') return noSay;
    return { say: 'nodes', filter: ({ name }) => (name === wanted ? [] : ["node(s) didn't match the requested node name"]) };
  },
};
