import type { DaemonSet } from '@coracle/api';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { defaulted } from '../defaulted.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const daemonsets: KindHooks = hooksFor<DaemonSet>({
  default(set) {
    const labels = set.spec.template.metadata?.labels;
    // A template without labels makes no selector: validation then says what is missing.
    const spec = defaulted(set.spec, { revisionHistoryLimit: 10, ...(labels === undefined ? {} : { selector: { matchLabels: labels } }) });
    let updateStrategy = defaulted(spec.updateStrategy ?? {}, { type: 'RollingUpdate' });
    if (updateStrategy.type === 'RollingUpdate') {
      updateStrategy = { ...updateStrategy, rollingUpdate: defaulted(updateStrategy.rollingUpdate ?? {}, { maxUnavailable: 1, maxSurge: 0 }) };
    }
    return { ...set, spec: { ...spec, updateStrategy, template: defaultPodTemplate(spec.template) } };
  },
  strategy: { hasGeneration: true },
});
