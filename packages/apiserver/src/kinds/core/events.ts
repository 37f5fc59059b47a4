import type { Event } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateEvent } from '../rules/event.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

export const events: KindHooks = hooksFor<Event>({
  strategy: {
    allowCreateOnUpdate: true,
    // Old clients name events after objects whose names follow other rules.
    validateName: () => [],
    validate: (event) =>
      validateEvent({
        ...event,
        namespace: event.metadata.namespace ?? '',
        regarding: event.involvedObject,
        controller: event.reportingComponent,
      }),
  },
  selectableFields: {
    'involvedObject.kind': selectable((event) => event.involvedObject.kind),
    'involvedObject.namespace': selectable((event) => event.involvedObject.namespace),
    'involvedObject.name': selectable((event) => event.involvedObject.name),
    'involvedObject.uid': selectable((event) => event.involvedObject.uid),
    'involvedObject.apiVersion': selectable((event) => event.involvedObject.apiVersion),
    'involvedObject.resourceVersion': selectable((event) => event.involvedObject.resourceVersion),
    'involvedObject.fieldPath': selectable((event) => event.involvedObject.fieldPath),
    reason: selectable((event) => event.reason),
    reportingComponent: selectable((event) => event.reportingComponent),
    source: (event) => event.source?.component ?? event.reportingComponent ?? '',
    type: selectable((event) => event.type),
  },
});
