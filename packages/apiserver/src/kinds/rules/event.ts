import { FieldError } from '@coracle/apimachinery';
import { qualifiedName } from './names.ts';

const maxInstance = 128;
const maxNote = 1024;

/** What events of both groups say; faults have the names of the older one's fields. */
export interface EventFacts {
  readonly namespace: string;
  readonly regarding?: { readonly namespace?: string };
  readonly eventTime?: string | null;
  readonly controller?: string;
  readonly reportingInstance?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** An event lives beside its object; one that says when it happened has to say by whom and what, too. */
export function validateEvent(event: EventFacts): readonly FieldError[] {
  const { namespace, regarding, controller = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  const about = regarding?.namespace ?? '';
  const faults: FieldError[] = [];
  // Events about objects of no namespace live in `default`.
  if (about === '' ? namespace !== '' && namespace !== 'default' : about !== namespace) {
    faults.push(FieldError.invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  }
  if ((event.eventTime ?? '') === '') return faults;
  faults.push(...(controller === '' ? [FieldError.required('reportingController')] : qualifiedName('reportingController', controller)));
  if (reportingInstance === '') faults.push(FieldError.required('reportingInstance'));
  else if (reportingInstance.length > maxInstance)
    faults.push(FieldError.invalid('reportingInstance', '', `can have at most ${maxInstance} characters`));
  if (action === '') faults.push(FieldError.required('action'));
  if (reason === '') faults.push(FieldError.required('reason'));
  if (message.length > maxNote) faults.push(FieldError.invalid('message', '', `can have at most ${maxNote} characters`));
  return faults;
}
