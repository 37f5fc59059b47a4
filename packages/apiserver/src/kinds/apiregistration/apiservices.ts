import type { APIService } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { dns1035Label, dnsSubdomain } from '../rules/names.ts';
import { portNumber } from '../rules/numbers.ts';
import { defaulted, inField } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

/** Port of an aggregated server's Service. */
const defaultPort = 443;

export const apiservices: KindHooks = hooksFor<APIService>({
  default: (object) => inField(object, 'spec', (spec) => inField(spec, 'service', (service) => defaulted(service, { port: defaultPort }))),
  strategy: { allowUnconditionalUpdate: false, validateName: nameIsPathSegment, validate },
});

const maxGroupPriority = 20000;
const maxVersionPriority = 1000;

function validate({ metadata, spec }: APIService): readonly FieldError[] {
  const { group = '', version = '', groupPriorityMinimum, versionPriority, service, caBundle, insecureSkipTLSVerify } = spec ?? {};
  const { name = '' } = metadata;
  const wanted = `${version}.${group}`;
  const faults: FieldError[] = [];
  if (name !== wanted) faults.push(FieldError.invalid('metadata.name', name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`));
  if (group !== '') faults.push(...dnsSubdomain('spec.group', group));
  if (version === '') faults.push(FieldError.required('spec.version'));
  else faults.push(...dns1035Label('spec.version', version));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > maxGroupPriority) {
    faults.push(
      FieldError.invalid('spec.groupPriorityMinimum', groupPriorityMinimum, `must be positive and less than ${maxGroupPriority}`),
    );
  }
  if (versionPriority <= 0 || versionPriority > maxVersionPriority) {
    faults.push(FieldError.invalid('spec.versionPriority', versionPriority, `must be positive and less than ${maxVersionPriority}`));
  }
  if (service === undefined) {
    if (caBundle !== undefined)
      faults.push(
        FieldError.invalid('spec.caBundle', `${Buffer.byteLength(caBundle, 'base64')} bytes`, 'local APIServices may not have a caBundle'),
      );
    if (insecureSkipTLSVerify === true)
      faults.push(FieldError.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'));
    return faults;
  }
  if ((service.namespace ?? '') === '') faults.push(FieldError.required('spec.service.namespace'));
  if ((service.name ?? '') === '') faults.push(FieldError.required('spec.service.name'));
  if (service.port !== undefined) faults.push(...portNumber('spec.service.port', service.port));
  if (insecureSkipTLSVerify === true && caBundle !== undefined) {
    faults.push(FieldError.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  }
  return faults;
}
