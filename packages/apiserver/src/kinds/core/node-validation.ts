import type { Node, Taint } from '@coracle/api';
import { FieldError, isValidLabelValue, semanticEqual, sortedEntries } from '@coracle/apimachinery';
import { emptyText, type GoShape, goStruct } from '../rules/go-struct.ts';
import { isCidr, parseCidr } from '../rules/ip.ts';
import { qualifiedName } from '../rules/names.ts';
import { resourceName, resourceQuantity } from '../rules/resources.ts';
import { taintEffect } from './scheduling-validation.ts';

const taintShape: GoShape = [
  ['Key', 'key', emptyText],
  ['Value', 'value', emptyText],
  ['Effect', 'effect', emptyText],
  ['TimeAdded', 'timeAdded'],
];

export function validateNode({ spec, status }: Node): readonly FieldError[] {
  return [
    // Upstream looks for taints where they were once kept.
    ...validateTaints('metadata.taints', spec?.taints ?? []),
    ...(['capacity', 'allocatable'] as const).flatMap((key) =>
      sortedEntries(status?.[key]).flatMap(([name, quantity]) => [
        ...resourceName(`status.${key}[${name}]`, name),
        ...resourceQuantity(`status.${key}[${name}]`, name, quantity),
      ]),
    ),
    ...validateCidrs(spec?.podCIDRs ?? []),
  ];
}

export function validateTaints(field: string, taints: readonly Taint[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of taints.entries()) {
    const at = `${field}[${i}]`;
    faults.push(...qualifiedName(`${at}.key`, taint.key));
    for (const text of isValidLabelValue(taint.value ?? '')) faults.push(FieldError.invalid(`${at}.value`, taint.value, text));
    faults.push(...(taint.effect === '' ? [FieldError.required(`${at}.effect`)] : taintEffect(`${at}.effect`, taint.effect)));
    const pair = `${taint.effect}/${taint.key}`;
    if (seen.has(pair)) {
      const detail = 'taints must be unique by key and effect pair';
      faults.push(new FieldError({ type: 'Duplicate', field: at, badValue: goStruct(taintShape, taint), detail }));
    }
    seen.add(pair);
  }
  return faults;
}

function validateCidrs(cidrs: readonly string[]): readonly FieldError[] {
  const field = 'spec.podCIDRs';
  const faults = cidrs.flatMap((cidr, i) => [...isCidr(`${field}[${i}]`, cidr)]);
  if (cidrs.length <= 1) return faults;
  const families = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (cidrs.length > 2 || families[0] === families[1]) {
    faults.push(FieldError.invalid(field, cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return faults;
}

/** What names a node in the world stays, once it is known. */
export function validateNodeUpdate(node: Node, old: Node): readonly FieldError[] {
  const faults: FieldError[] = [];
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !semanticEqual(before, node.spec?.podCIDRs ?? [])) {
    faults.push(FieldError.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if ((old.spec?.providerID ?? '') !== '' && old.spec?.providerID !== node.spec?.providerID) {
    faults.push(FieldError.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return faults;
}
