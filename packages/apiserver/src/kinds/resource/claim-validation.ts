import type {
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  ExactDeviceRequest,
  OpaqueDeviceConfiguration,
  ResourceClaimSpec,
} from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { caselessSubdomain, dnsLabel, dnsSubdomain, requiredBy, supported } from '../rules/names.ts';
import { domainAndName } from './attribute-names.ts';

type Choice = Pick<ExactDeviceRequest, 'deviceClassName' | 'allocationMode' | 'count'>;

/** A claim for devices, alone or in a template. Its selectors are CEL, which is compiled elsewhere. */
export function validateClaimSpec(field: string, { devices }: ResourceClaimSpec): readonly FieldError[] {
  const at = `${field}.devices`;
  const requests = devices?.requests ?? [];
  const names = new Set<string>();
  const faults = requests.flatMap((request, i) => {
    const own = [...validateRequest(`${at}.requests[${i}]`, request)];
    if (names.has(request.name)) own.push(FieldError.duplicate(`${at}.requests[${i}].name`, request.name));
    names.add(request.name);
    return own;
  });
  const known = requestNames(requests);
  return [
    ...faults,
    ...(devices?.constraints ?? []).flatMap((constraint, i) => validateConstraint(`${at}.constraints[${i}]`, constraint, known)),
    ...validateConfigs(`${at}.config`, devices?.config ?? [], known),
  ];
}

/** Requests by name; what is available first also as `request/subrequest`. */
function requestNames(requests: readonly DeviceRequest[]): ReadonlySet<string> {
  return new Set(requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((choice) => `${name}/${choice.name}`)]));
}

function validateRequest(field: string, { name, exactly, firstAvailable = [] }: DeviceRequest): readonly FieldError[] {
  const faults = [...requiredBy(dnsLabel, `${field}.name`, name)];
  const given = Number(exactly !== undefined) + Number(firstAvailable.length > 0);
  if (given === 0) faults.push(FieldError.required(field, 'exactly one of `exactly` or `firstAvailable` is required'));
  if (given > 1)
    faults.push(FieldError.invalid(field, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'));
  if (exactly !== undefined) faults.push(...validateChoice(`${field}.exactly`, exactly));
  return [
    ...faults,
    ...firstAvailable.flatMap((choice, i) => [
      ...requiredBy(dnsLabel, `${field}.firstAvailable[${i}].name`, choice.name),
      ...validateChoice(`${field}.firstAvailable[${i}]`, choice),
    ]),
  ];
}

function validateChoice(field: string, { deviceClassName, allocationMode, count = 0 }: Choice): readonly FieldError[] {
  const faults = [...requiredBy(dnsSubdomain, `${field}.deviceClassName`, deviceClassName)];
  if (allocationMode === 'ExactCount' && count <= 0) faults.push(FieldError.invalid(`${field}.count`, count, 'must be greater than zero'));
  if (allocationMode === 'All' && count !== 0)
    faults.push(FieldError.invalid(`${field}.count`, count, "must not be specified when allocationMode is 'All'"));
  return [...faults, ...supported(`${field}.allocationMode`, allocationMode, ['All', 'ExactCount'])];
}

function validateConstraint(
  field: string,
  { requests = [], matchAttribute }: DeviceConstraint,
  known: ReadonlySet<string>,
): readonly FieldError[] {
  const faults = [...validateReferences(`${field}.requests`, requests, known)];
  return matchAttribute === undefined ? faults : [...faults, ...domainAndName(`${field}.matchAttribute`, matchAttribute)];
}

function validateReferences(field: string, requests: readonly string[], known: ReadonlySet<string>): readonly FieldError[] {
  const text = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  return requests.flatMap((name, i) => (known.has(name) ? [] : [FieldError.invalid(`${field}[${i}]`, name, text)]));
}

function validateConfigs(field: string, configs: NonNullable<DeviceClaim['config']>, known: ReadonlySet<string>): readonly FieldError[] {
  return configs.flatMap(({ requests = [], opaque }, i) => [
    ...validateReferences(`${field}[${i}].requests`, requests, known),
    ...validateOpaque(`${field}[${i}].opaque`, opaque),
  ]);
}

/** What only a driver understands. */
export function validateOpaque(field: string, opaque: OpaqueDeviceConfiguration | undefined): readonly FieldError[] {
  if (opaque === undefined) return [FieldError.required(field)];
  const { driver, parameters } = opaque;
  const faults: FieldError[] = [];
  if ((parameters ?? undefined) === undefined) faults.push(FieldError.required(`${field}.parameters`));
  else if (typeof parameters !== 'object' || Array.isArray(parameters)) {
    faults.push(FieldError.invalid(`${field}.parameters`, '<value omitted>', 'must be a valid JSON object'));
  }
  return [...faults, ...requiredBy(caselessSubdomain, `${field}.driver`, driver)];
}
