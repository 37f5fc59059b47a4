import type { Preserved } from '../api/types.ts';

/** Keys by which lists of a container merge (their strategic merge keys in core/v1). */
const listKeys: Readonly<Record<string, string>> = {
  env: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  volumeDevices: 'devicePath',
};

/**
 * The containers of a pod with the user's: one of the name of a generated container is a patch of it (strategic merge: maps
 * merge, the lists above merge by key, the rest is replaced), any other is added.
 */
export function withAdditionalContainers(generated: readonly Preserved[], additional: readonly Preserved[]): readonly Preserved[] {
  const patched = generated.map((container) => {
    const patch = additional.find((one) => one['name'] === container['name']);
    return patch === undefined ? container : mergeContainer(container, patch);
  });
  return [...patched, ...additional.filter((one) => !generated.some((container) => container['name'] === one['name']))];
}

function mergeContainer(base: Preserved, patch: Preserved): Preserved {
  const entries = Object.entries(patch).map(([key, value]) => [key, mergeValue(base[key], value, listKeys[key])] as const);
  return { ...base, ...Object.fromEntries(entries) };
}

function mergeValue(base: unknown, value: unknown, listKey: string | undefined): unknown {
  if (Array.isArray(value))
    return listKey === undefined || !Array.isArray(base) ? value : mergeList(base.filter(isMap), value.filter(isMap), listKey);
  return isMap(value) && isMap(base) ? mergeContainer(base, value) : value;
}

function mergeList(base: readonly Preserved[], patch: readonly Preserved[], key: string): readonly Preserved[] {
  const kept = base.map((item) => ({ ...item, ...patch.find((one) => one[key] === item[key]) }));
  return [...kept, ...patch.filter((one) => !base.some((item) => item[key] === one[key]))];
}

function isMap(value: unknown): value is Preserved {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
