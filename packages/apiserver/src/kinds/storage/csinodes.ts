import type { CSINode } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { dnsSubdomain, qualifiedName } from '../rules/names.ts';
import { hooksFor } from '../typed-hooks.ts';

export const csinodes: KindHooks = hooksFor<CSINode>({ strategy: { allowUnconditionalUpdate: false, validate } });

function validate({ spec }: CSINode): readonly FieldError[] {
  const seen = new Set<string>();
  return (spec.drivers ?? []).flatMap(({ name, nodeID, topologyKeys }, i) => {
    const at = `spec.drivers[${i}]`;
    const faults: FieldError[] = name === '' ? [FieldError.required(`${at}.name`)] : [...dnsSubdomain(`${at}.name`, name.toLowerCase())];
    if (nodeID === '') faults.push(FieldError.required(`${at}.nodeID`));
    if (seen.has(name)) faults.push(FieldError.duplicate(`${at}.name`, name));
    seen.add(name);
    return [...faults, ...(topologyKeys ?? []).flatMap((key) => qualifiedName(at, key))];
  });
}
