import type { LimitRange, LimitRangeItem } from '@coracle/api';
import { compareQuantities, FieldError, getOwn, parseQuantity, sortedEntries, type WireMap } from '@coracle/apimachinery';
import { qualifiedName } from '../rules/names.ts';
import { isExtendedResource, isHugePages, resourceName } from '../rules/resources.ts';

/** Limits that cannot all hold at once are refused (validation.ValidateLimitRange). */
export function validateLimitRange({ spec }: LimitRange): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, item] of (spec?.limits ?? []).entries()) {
    const at = `spec.limits[${i}]`;
    const type = qualifiedName(`${at}.type`, item.type);
    faults.push(...type);
    if (seen.has(item.type)) faults.push(FieldError.duplicate(`${at}.type`, item.type));
    seen.add(item.type);
    faults.push(...validateItem(at, item));
  }
  return faults;
}

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function validateItem(field: string, item: LimitRangeItem): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (item.type === 'Pod') {
    for (const key of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[key] ?? {}).length > 0)
        faults.push(FieldError.forbidden(`${field}.${key}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (item.type === 'PersistentVolumeClaim' && getOwn(item.min, 'storage') === undefined && getOwn(item.max, 'storage') === undefined) {
    faults.push(FieldError.required(`${field}.limits`, 'either minimum or maximum storage value is required, but neither was provided'));
  }
  const names: WireMap = Object.assign({}, ...lists.map((key) => item[key] ?? {}));
  for (const key of lists) for (const [name] of sortedEntries(item[key])) faults.push(...resourceName(`${field}.${key}[${name}]`, name));
  return [...faults, ...sortedEntries(names).flatMap(([name]) => validateResource(field, item, name))];
}

/** Pairs of which the first may not be more than the second. `at` is what the message is about, and `shown` whose value it shows. */
function validateResource(field: string, item: LimitRangeItem, name: string): readonly FieldError[] {
  const [max, min, limit, request, ratio] = lists.map((key) => getOwn(item[key], name));
  const faults: FieldError[] = [];
  const isMore = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0;
  const add = (key: (typeof lists)[number], shown: string | undefined, text: string): void => {
    faults.push(FieldError.invalid(`${field}.${key}[${name}]`, shown, text));
  };
  if (isMore(min, max)) add('min', min, `min value ${min} is greater than max value ${max}`);
  if (isMore(min, request)) add('defaultRequest', request, `min value ${min} is greater than default request value ${request}`);
  if (isMore(request, max)) add('defaultRequest', request, `default request value ${request} is greater than max value ${max}`);
  if (isMore(request, limit))
    add('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`);
  // The values that these two show are not those that the field holds.
  if (isMore(min, limit)) add('default', min, `min value ${min} is greater than default value ${limit}`);
  if (isMore(limit, max)) add('default', max, `default value ${limit} is greater than max value ${max}`);
  if (ratio !== undefined) faults.push(...validateRatio(`${field}.maxLimitRequestRatio[${name}]`, ratio, min, max));
  if (
    (isExtendedResource(name) || isHugePages(name)) &&
    limit !== undefined &&
    (request === undefined || compareQuantities(request, limit) !== 0)
  ) {
    add('defaultRequest', request ?? '', `default value ${limit} must equal to defaultRequest value ${request ?? '<nil>'}`);
  }
  return faults;
}

function validateRatio(field: string, ratio: string, min: string | undefined, max: string | undefined): readonly FieldError[] {
  if (compareQuantities(ratio, '1') < 0) return [FieldError.invalid(field, ratio, `ratio ${ratio} is less than 1`)];
  if (min === undefined || max === undefined) return [];
  const most = numberOf(max) / numberOf(min);
  return numberOf(ratio) > most ? [FieldError.invalid(field, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`)] : [];
}

function numberOf(text: string): number {
  const { unscaled, exponent } = parseQuantity(text);
  return Number(unscaled) * 10 ** exponent;
}
