import type { HTTPIngressPath, Ingress, IngressBackend, IngressSpec } from '@coracle/api';
import { FieldError, getOwn } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { parseIp } from '../rules/ip.ts';
import { dnsLabel, dnsSubdomain, oneOf } from '../rules/names.ts';
import { portName, portNumber } from '../rules/numbers.ts';
import { hooksFor } from '../typed-hooks.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
/** What a path may neither contain nor end in: proxies disagree about it. */
const oddParts = ['//', '/./', '/../', '%2f', '%2F'];
const oddEnds = ['/..', '/.'];

export const ingresses: KindHooks = hooksFor<Ingress>({
  strategy: {
    hasGeneration: true,
    validate: (ingress) => [...validateClass(ingress), ...validateSpec(ingress.spec ?? {})],
    validateUpdate: (ingress) => validateSpec(ingress.spec ?? {}),
  },
});

function validateClass({ metadata, spec }: Ingress): readonly FieldError[] {
  const annotated = getOwn(metadata.annotations, classAnnotation);
  if (annotated === undefined || spec?.ingressClassName === undefined || annotated === spec.ingressClassName) return [];
  return [FieldError.invalid(`annotations.${classAnnotation}`, annotated, 'must match `ingressClassName` when both are specified')];
}

function validateSpec({ rules = [], defaultBackend, ingressClassName, tls = [] }: IngressSpec): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    faults.push(FieldError.invalid('spec', null, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) faults.push(...validateBackend('spec.defaultBackend', defaultBackend));
  for (const [i, { host = '', http }] of rules.entries()) {
    if (host !== '') faults.push(...validateHost(`spec.rules[${i}].host`, host));
    const paths = http === undefined ? undefined : (http.paths ?? []);
    if (paths?.length === 0) faults.push(FieldError.required(`spec.rules[${i}].http.paths`));
    faults.push(...(paths ?? []).flatMap((path, j) => validatePath(`spec.rules[${i}].http.paths[${j}]`, path)));
  }
  for (const [i, { hosts = [], secretName = '' }] of tls.entries()) {
    faults.push(
      ...hosts.flatMap((host, j) =>
        host.includes('*') ? validateWildcard(`spec.tls[${i}].hosts[${j}]`, host) : dnsSubdomain(`spec.tls[${i}].hosts[${j}]`, host),
      ),
    );
    if (secretName !== '') faults.push(...dnsSubdomain(`spec.tls[${i}].secretName`, secretName));
  }
  return ingressClassName === undefined ? faults : [...faults, ...dnsSubdomain('spec.ingressClassName', ingressClassName)];
}

function validateHost(field: string, host: string): readonly FieldError[] {
  if (parseIp(host) !== undefined) return [FieldError.invalid(field, host, 'must be a DNS name, not an IP address')];
  return host.includes('*') ? validateWildcard(field, host) : dnsSubdomain(field, host);
}

function validateWildcard(field: string, host: string): readonly FieldError[] {
  if (host.startsWith('*.') && dnsSubdomain(field, host.slice(2)).length === 0) return [];
  const text =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  return [FieldError.invalid(field, host, text)];
}

function validatePath(field: string, { path = '', pathType, backend }: HTTPIngressPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  const at = `${field}.path`;
  if ((pathType ?? '') === '') faults.push(FieldError.required(`${field}.pathType`, 'pathType must be specified'));
  else if (!pathTypes.includes(pathType ?? '')) faults.push(...oneOf(`${field}.pathType`, pathType, pathTypes));
  else if (pathType !== 'ImplementationSpecific' || path !== '') {
    if (!path.startsWith('/')) faults.push(FieldError.invalid(at, path, 'must be an absolute path'));
    if (pathType !== 'ImplementationSpecific' && path !== '') {
      for (const part of oddParts) if (path.includes(part)) faults.push(FieldError.invalid(at, path, `must not contain '${part}'`));
      for (const end of oddEnds) if (path.endsWith(end)) faults.push(FieldError.invalid(at, path, `cannot end with '${end}'`));
    }
  }
  return [...faults, ...validateBackend(`${field}.backend`, backend)];
}

function validateBackend(field: string, { service, resource }: IngressBackend): readonly FieldError[] {
  if (service !== undefined && resource !== undefined)
    return [FieldError.invalid(field, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) {
    const faults: FieldError[] = resource.kind === '' ? [FieldError.required(`${field}.resource.kind`)] : [];
    return resource.name === '' ? [...faults, FieldError.required(`${field}.resource.name`)] : faults;
  }
  if (service === undefined) return [FieldError.invalid(field, '', 'resource or service backend is required')];
  const faults: FieldError[] =
    service.name === '' ? [FieldError.required(`${field}.service.name`)] : [...dnsLabel(`${field}.service.name`, service.name)];
  const { name = '', number = 0 } = service.port ?? {};
  if (name !== '' && number !== 0) return [...faults, FieldError.invalid(field, '', 'cannot set both port name & port number')];
  if (name !== '') return [...faults, ...portName(`${field}.service.port.name`, name)];
  return number === 0
    ? [...faults, FieldError.required(field, 'port name or number is required')]
    : [...faults, ...portNumber(`${field}.service.port.number`, number)];
}
