import type { EventEventsV1 as Event } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateEvent } from '../rules/event.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

/** Events in their newer form, which are stored in the older one. */
export const newEvents: KindHooks = hooksFor<Event>({
  strategy: { allowCreateOnUpdate: true, validate },
  selectableFields: {
    'regarding.kind': selectable((event) => event.regarding?.kind),
    'regarding.namespace': selectable((event) => event.regarding?.namespace),
    'regarding.name': selectable((event) => event.regarding?.name),
    'regarding.uid': selectable((event) => event.regarding?.uid),
    reason: selectable((event) => event.reason),
    reportingController: selectable((event) => event.reportingController),
    type: selectable((event) => event.type),
  },
});

function validate(event: Event): readonly FieldError[] {
  const { metadata, note, reportingController } = event;
  const faults = [
    ...validateEvent({
      ...event,
      namespace: metadata.namespace ?? '',
      ...(note === undefined ? {} : { message: note }),
      ...(reportingController === undefined ? {} : { controller: reportingController }),
    }),
  ];
  const { series, type = '' } = event;
  if (series !== undefined) {
    if (series.count < 2) faults.push(FieldError.invalid('series.count', '', 'should be at least 2'));
    if ((series.lastObservedTime ?? '') === '') faults.push(FieldError.required('series.lastObservedTime'));
  }
  if ((event.eventTime ?? '') === '') faults.push(FieldError.required('eventTime'));
  if (type !== 'Normal' && type !== 'Warning') faults.push(FieldError.invalid('type', '', `has invalid value: ${type}`));
  for (const [field, value] of [
    ['firstTimestamp', event.deprecatedFirstTimestamp],
    ['lastTimestamp', event.deprecatedLastTimestamp],
    ['count', event.deprecatedCount],
    ['source', event.deprecatedSource?.component ?? event.deprecatedSource?.host],
  ] as const) {
    if ((value ?? undefined) !== undefined) faults.push(FieldError.invalid(field, '', 'needs to be unset'));
  }
  return faults;
}
