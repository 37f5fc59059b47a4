import type { IngressClass } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { domainPrefixedPath, oneOf } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const ingressclasses: KindHooks = hooksFor<IngressClass>({
  default: (kind) =>
    inField(kind, 'spec', (spec) => inField(spec, 'parameters', (parameters) => defaulted(parameters, { scope: 'Cluster' }))),
  strategy: {
    hasGeneration: true,
    validate,
    validateUpdate: (kind, old) => immutable('spec.controller', kind.spec?.controller, old.spec?.controller),
  },
});

const maxController = 250;

function validate({ spec }: IngressClass): readonly FieldError[] {
  const { controller = '', parameters } = spec ?? {};
  const faults: FieldError[] = [];
  if (controller.length > maxController) faults.push(FieldError.tooLong('spec.controller', maxController));
  faults.push(...domainPrefixedPath('spec.controller', controller));
  if (parameters === undefined) return faults;
  const { scope, kind, name, namespace } = parameters;
  const at = 'spec.parameters';
  faults.push(...oneOf(`${at}.scope`, scope, ['Cluster', 'Namespace']));
  if (scope === 'Namespace' && (namespace ?? '') === '')
    faults.push(FieldError.required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  if (scope === 'Cluster' && namespace !== undefined)
    faults.push(FieldError.forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  if (kind === '') faults.push(FieldError.required(`${at}.kind`));
  return name === '' ? [...faults, FieldError.required(`${at}.name`)] : faults;
}
