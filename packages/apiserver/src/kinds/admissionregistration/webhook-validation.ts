import type { MutatingWebhook, RuleWithOperations, ValidatingWebhook, WebhookClientConfig } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { validateLabelSelector } from '../rules/labels.ts';
import { dnsSubdomain, oneOf, qualifiedName } from '../rules/names.ts';
import { within } from '../rules/numbers.ts';

const maxTimeoutSeconds = 30;
const reviewVersions = ['v1', 'v1beta1'];
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

/** Webhooks of a configuration. Their match conditions are CEL, which is compiled elsewhere. */
export function validateWebhooks(hooks: readonly (ValidatingWebhook | MutatingWebhook)[]): readonly FieldError[] {
  const seen = new Set<string>();
  return hooks.flatMap((hook, i) => {
    const at = `webhooks[${i}]`;
    const faults = [...validateVersions(`${at}.admissionReviewVersions`, hook.admissionReviewVersions ?? []), ...validateWebhook(at, hook)];
    if (seen.has(hook.name)) faults.push(FieldError.duplicate(`${at}.name`, hook.name));
    seen.add(hook.name);
    return faults;
  });
}

function validateVersions(field: string, versions: readonly string[]): readonly FieldError[] {
  if (versions.length === 0) return [FieldError.required(field, `must specify one of ${reviewVersions.join(', ')}`)];
  const faults: FieldError[] = [];
  for (const [i, version] of versions.entries())
    if (versions.indexOf(version) < i) faults.push(FieldError.invalid(`${field}[${i}]`, version, 'duplicate version'));
  if (versions.some((version) => reviewVersions.includes(version))) return faults;
  return [...faults, FieldError.invalid(field, versions, `must include at least one of ${reviewVersions.join(', ')}`)];
}

function validateWebhook(field: string, hook: ValidatingWebhook | MutatingWebhook): readonly FieldError[] {
  const { name, rules = [], failurePolicy, matchPolicy, sideEffects, timeoutSeconds, clientConfig } = hook;
  const faults: FieldError[] = [...dnsSubdomain(`${field}.name`, name)];
  if (faults.length === 0 && name.split('.').length < 3) {
    faults.push(FieldError.invalid(`${field}.name`, name, 'should be a domain with at least three segments separated by dots'));
  }
  faults.push(...rules.flatMap((rule, i) => validateRule(`${field}.rules[${i}]`, rule, true)));
  if (failurePolicy !== undefined) faults.push(...oneOf(`${field}.failurePolicy`, failurePolicy, ['Fail', 'Ignore']));
  if (matchPolicy !== undefined) faults.push(...oneOf(`${field}.matchPolicy`, matchPolicy, ['Equivalent', 'Exact']));
  if ((sideEffects ?? '') === '') faults.push(FieldError.required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else faults.push(...oneOf(`${field}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']));
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > maxTimeoutSeconds)) {
    faults.push(
      FieldError.invalid(`${field}.timeoutSeconds`, timeoutSeconds, `the timeout value must be between 1 and ${maxTimeoutSeconds} seconds`),
    );
  }
  faults.push(
    ...validateLabelSelector(`${field}.namespaceSelector`, hook.namespaceSelector),
    ...validateLabelSelector(`${field}.objectSelector`, hook.objectSelector),
  );
  faults.push(...validateClient(`${field}.clientConfig`, clientConfig));
  faults.push(...validateConditionNames(`${field}.matchConditions`, hook.matchConditions ?? []));
  if ('reinvocationPolicy' in hook && hook.reinvocationPolicy !== undefined) {
    faults.push(...oneOf(`${field}.reinvocationPolicy`, hook.reinvocationPolicy, ['IfNeeded', 'Never']));
  }
  return faults;
}

/** Names tell conditions apart. Upstream checks the expression first, which is not done here. */
export function validateConditionNames(
  field: string,
  conditions: readonly { readonly name: string; readonly expression: string }[],
): readonly FieldError[] {
  const seen = new Set<string>();
  return conditions.flatMap(({ name, expression }, i) => {
    const faults: FieldError[] = expression.trim() === '' ? [FieldError.required(`${field}[${i}].expression`)] : [];
    if (name === '') faults.push(FieldError.required(`${field}[${i}].name`));
    else faults.push(...qualifiedName(`${field}[${i}].name`, name));
    if (name !== '' && seen.has(name)) faults.push(FieldError.duplicate(`${field}[${i}].name`, name));
    seen.add(name);
    return faults;
  });
}

/** What requests a webhook or a policy is about. Resources of one rule may not say a thing twice. */
export function validateRule(field: string, rule: RuleWithOperations, allowsSubresources: boolean): readonly FieldError[] {
  const { apiGroups = [], apiVersions = [], resources = [], operations: given = [], scope } = rule;
  const faults: FieldError[] = [];
  for (const [key, list] of [
    ['apiGroups', apiGroups],
    ['apiVersions', apiVersions],
  ] as const) {
    if (list.length === 0) faults.push(FieldError.required(`${field}.${key}`));
    if (list.length > 1 && list.includes('*'))
      faults.push(
        FieldError.invalid(
          `${field}.${key}`,
          list,
          `if '*' is present, must not specify other API ${key === 'apiGroups' ? 'groups' : 'versions'}`,
        ),
      );
  }
  for (const [i, version] of apiVersions.entries()) if (version === '') faults.push(FieldError.required(`${field}.apiVersions[${i}]`));
  faults.push(...validateResources(`${field}.resources`, resources, allowsSubresources));
  if (scope !== undefined) faults.push(...oneOf(`${field}.scope`, scope, ['*', 'Cluster', 'Namespaced']));
  if (given.length === 0) faults.push(FieldError.required(`${field}.operations`));
  if (given.length > 1 && given.includes('*'))
    faults.push(FieldError.invalid(`${field}.operations`, given, "if '*' is present, must not specify other operations"));
  for (const [i, operation] of given.entries()) {
    if (!operations.includes(operation)) faults.push(FieldError.notSupported(`${field}.operations[${i}]`, operation, operations));
  }
  return faults;
}

function validateResources(field: string, resources: readonly string[], allowsSubresources: boolean): readonly FieldError[] {
  if (resources.length === 0) return [FieldError.required(field)];
  const faults: FieldError[] = [];
  const whole = new Set<string>();
  const every = new Set<string>();
  for (const [i, text] of resources.entries()) {
    const at = `${field}[${i}]`;
    const [resource = '', subresource] = text.split('/');
    if (text === '') faults.push(FieldError.required(at));
    if (whole.has(resource) && subresource !== undefined)
      faults.push(FieldError.invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`));
    if (subresource !== undefined && every.has(subresource))
      faults.push(FieldError.invalid(at, text, `if '*/${subresource}' is present, must not specify ${text}`));
    if (subresource === '*') whole.add(resource);
    if (resource === '*' && subresource !== undefined) every.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*'))
    faults.push(FieldError.invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes('*') && resources.some((text) => text !== '*' && !text.includes('/'))) {
    faults.push(FieldError.invalid(field, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  if (!allowsSubresources && resources.some((text) => text.includes('/')))
    faults.push(FieldError.invalid(field, resources, 'must not specify subresources'));
  return faults;
}

function validateClient(field: string, { url, service }: WebhookClientConfig): readonly FieldError[] {
  if ((url === undefined) === (service === undefined)) return [FieldError.required(field, 'exactly one of url or service is required')];
  if (url !== undefined) return validateUrl(`${field}.url`, url);
  const faults: FieldError[] = service?.name === '' ? [FieldError.required(`${field}.service.name`, 'service name is required')] : [];
  if (service?.namespace === '') faults.push(FieldError.required(`${field}.service.namespace`, 'service namespace is required'));
  const port = within('', service?.port ?? 443, 1, 65535)[0];
  if (port !== undefined) faults.push(FieldError.invalid(`${field}.service.port`, service?.port, `port is not valid: ${port.detail}`));
  return faults;
}

function validateUrl(field: string, text: string): readonly FieldError[] {
  const form = 'desired format: https://host[/path]';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return [FieldError.required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request; ${form}`)];
  }
  const faults: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') faults.push(FieldError.invalid(field, scheme, `'https' is the only allowed URL scheme; ${form}`));
  if (url.host === '') faults.push(FieldError.invalid(field, url.host, `host must be specified; ${form}`));
  if (url.username !== '') faults.push(FieldError.invalid(field, url.username, `user information is not permitted in the URL`));
  if (url.hash !== '') faults.push(FieldError.invalid(field, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '') faults.push(FieldError.invalid(field, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return faults;
}
