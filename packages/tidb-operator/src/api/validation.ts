import { FieldError } from '@coracle/apimachinery';
import type { ComponentConfig, ComponentSpec, Preserved, ServiceSpec, StorageVolume, TidbCluster } from './types.ts';

const deleteSlots = /^(pd|tikv|tidb|tiflash)\.tidb\.pingcap\.com\/delete-slots$/;
const quantity = /^\d+(\.\d+)?([EPTGMk]i?|m|[eE][+-]?\d+)?$/;
const featureFlags = ['WaitForDnsNameIpMatch', 'PreferPDAddressesOverDiscovery'];
/** An additional container of such a name is a patch and needs no image. */
const generatedContainers = ['pd', 'tikv', 'tidb', 'slowlog'];
const maxConfigDepth = 64;

/** What upstream's controller refuses at each reconcile (apis/pingcap/v1alpha1/validation/validation.go). Empty when all is well. */
export function validateTidbCluster(tc: TidbCluster): readonly FieldError[] {
  const { spec } = tc;
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(tc.metadata.annotations ?? {})) {
    if (deleteSlots.test(key) && !isIntegerList(value)) {
      errors.push(FieldError.invalid(`metadata.annotations[${key}]`, value, 'value must be a JSON list of int32'));
    }
  }
  if (spec.pd) {
    errors.push(...component('spec.pd', spec.pd), ...storage('spec.pd', spec.pd), ...service('spec.pd.service', spec.pd.service));
  }
  if (spec.tikv) {
    errors.push(
      ...component('spec.tikv', spec.tikv),
      ...storage('spec.tikv', spec.tikv),
      ...scalePolicy('spec.tikv', spec.tikv.scalePolicy),
    );
    for (const name of ['evictLeaderTimeout', 'waitLeaderTransferBackTimeout'] as const) {
      const value = spec.tikv[name];
      if (value !== undefined && (goDurationMs(value) ?? 0) <= 0) {
        errors.push(FieldError.invalid(`spec.tikv.${name}`, value, 'must be a positive duration'));
      }
    }
  }
  if (spec.tidb) {
    errors.push(
      ...component('spec.tidb', spec.tidb),
      ...volumes('spec.tidb', spec.tidb.storageVolumes),
      ...service('spec.tidb.service', spec.tidb.service),
      ...scalePolicy('spec.tidb', spec.tidb.scalePolicy),
    );
  }
  for (const [i, address] of (spec.pdAddresses ?? []).entries()) {
    if (!/^https?:\/\/[^/\s]+/.test(address))
      errors.push(FieldError.invalid(`spec.pdAddresses[${i}]`, address, 'must be an http or https URL'));
  }
  for (const [i, flag] of (spec.startScriptV2FeatureFlags ?? []).entries()) {
    if (!featureFlags.includes(flag)) errors.push(FieldError.notSupported(`spec.startScriptV2FeatureFlags[${i}]`, flag, featureFlags));
  }
  return errors;
}

/** Milliseconds of a Go duration such as `1m30s`; undefined when it is none. */
export function goDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let totalMs = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) totalMs += Number(amount) * (units[unit] ?? 0);
  return totalMs;
}

function component(at: string, spec: ComponentSpec & { readonly config?: ComponentConfig; readonly dataSubDir?: string }): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, entry] of (spec.env ?? []).entries()) errors.push(...envEntry(`${at}.env[${i}]`, entry));
  for (const [i, container] of (spec.additionalContainers ?? []).entries()) {
    if (typeof container['name'] !== 'string' || container['name'] === '')
      errors.push(FieldError.required(`${at}.additionalContainers[${i}].name`));
    else if (!generatedContainers.includes(container['name']) && typeof container['image'] !== 'string')
      errors.push(FieldError.required(`${at}.additionalContainers[${i}].image`));
  }
  const subDir = spec.dataSubDir ?? '';
  if (subDir.startsWith('/')) errors.push(FieldError.invalid(`${at}.dataSubDir`, subDir, 'must be a relative path'));
  if (subDir.split('/').includes('..')) errors.push(FieldError.invalid(`${at}.dataSubDir`, subDir, "must not contain '..'"));
  if (depthOf(spec.config) > maxConfigDepth)
    errors.push(FieldError.invalid(`${at}.config`, '', `must not nest deeper than ${maxConfigDepth}`));
  return errors;
}

function envEntry(at: string, entry: Preserved): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof entry['name'] !== 'string' || !/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(entry['name'])) {
    errors.push(FieldError.invalid(`${at}.name`, entry['name'], 'must be the name of an environment variable'));
  }
  const from = entry['valueFrom'];
  if (typeof from === 'object' && from !== null) {
    for (const source of ['fieldRef', 'resourceFieldRef']) {
      if (Object.hasOwn(from, source)) errors.push(FieldError.invalid(`${at}.valueFrom.${source}`, '', 'not supported'));
    }
  }
  return errors;
}

function storage(at: string, spec: ComponentSpec & { readonly storageVolumes?: readonly StorageVolume[] }): FieldError[] {
  const size = spec.requests?.['storage'];
  const errors: FieldError[] = [];
  if (size === undefined) errors.push(FieldError.required(`${at}.requests.storage`, 'storage request is required'));
  else if (!quantity.test(String(size))) errors.push(FieldError.invalid(`${at}.requests.storage`, size, 'must be a quantity'));
  return [...errors, ...volumes(at, spec.storageVolumes)];
}

function volumes(at: string, list: readonly StorageVolume[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, volume] of (list ?? []).entries()) {
    if (volume.name === '') errors.push(FieldError.required(`${at}.storageVolumes[${i}].name`));
    if (!quantity.test(volume.storageSize))
      errors.push(FieldError.invalid(`${at}.storageVolumes[${i}].storageSize`, volume.storageSize, 'must be a quantity'));
  }
  return errors;
}

function service(at: string, spec: ServiceSpec | undefined): FieldError[] {
  return (spec?.loadBalancerSourceRanges ?? []).flatMap((range, i) =>
    isCidr(range) ? [] : [FieldError.invalid(`${at}.loadBalancerSourceRanges[${i}]`, range, 'must be a CIDR')],
  );
}

function isCidr(text: string): boolean {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return /^[0-9a-fA-F:]*:[0-9a-fA-F:]*\/(\d|\d\d|1[01]\d|12[0-8])$/.test(text);
  return match.slice(1, 5).every((part) => Number(part) <= 255) && Number(match[5]) <= 32;
}

function scalePolicy(
  at: string,
  policy: { readonly scaleInParallelism?: number; readonly scaleOutParallelism?: number } | undefined,
): FieldError[] {
  return (['scaleInParallelism', 'scaleOutParallelism'] as const).flatMap((name) => {
    const value = policy?.[name];
    return value === undefined || value > 0 ? [] : [FieldError.invalid(`${at}.scalePolicy.${name}`, value, 'must be greater than 0')];
  });
}

function isIntegerList(text: string): boolean {
  return /^\s*\[\s*(\d+\s*(,\s*\d+\s*)*)?\]\s*$/.test(text);
}

function depthOf(value: unknown, limit = maxConfigDepth + 1): number {
  if (limit === 0 || typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((member) => depthOf(member, limit - 1)));
}
