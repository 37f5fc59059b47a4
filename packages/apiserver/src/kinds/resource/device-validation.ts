import type { Device, DeviceAttribute } from '@coracle/api';
import { FieldError, sortedEntries } from '@coracle/apimachinery';
import { dnsLabel, requiredBy } from '../rules/names.ts';

const attributeTypes = ['int', 'bool', 'string', 'version', 'ints', 'bools', 'strings', 'versions'] as const;
const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const maxText = 64;

/** Devices that a driver offers. */
export function validateDevices(field: string, devices: readonly Device[]): readonly FieldError[] {
  const names = new Set<string>();
  return devices.flatMap(({ name, attributes }, i) => {
    const at = `${field}[${i}]`;
    const faults = [...requiredBy(dnsLabel, `${at}.name`, name)];
    for (const [key, attribute] of sortedEntries(attributes)) faults.push(...validateAttribute(`${at}.attributes[${key}]`, attribute));
    if (names.has(name)) faults.push(FieldError.duplicate(at, name));
    names.add(name);
    return faults;
  });
}

function validateAttribute(field: string, attribute: DeviceAttribute): readonly FieldError[] {
  const given = attributeTypes.filter((type) => attribute[type] !== undefined);
  if (given.length === 0)
    return [FieldError.invalid(field, '', `must specify one of: ${attributeTypes.map((type) => `\`${type}\``).join(', ')}`)];
  const faults: FieldError[] = given.length > 1 ? [FieldError.invalid(field, attribute, 'only one value must be specified')] : [];
  const { version, string } = attribute;
  if (version !== undefined) {
    if (!semver.test(version))
      faults.push(FieldError.invalid(`${field}.version`, version, 'must be a string compatible with semver.org spec 2.0.0'));
    if (version.length > maxText) faults.push(FieldError.tooLong(`${field}.version`, maxText));
  }
  return string !== undefined && string.length > maxText ? [...faults, FieldError.tooLong(`${field}.string`, maxText)] : faults;
}
