import type { PodDNSConfig, PodSpec, PodTemplateSpec } from '@coracle/api';
import { FieldError, sortedEntries } from '@coracle/apimachinery';
import { validateAnnotations } from '../../registry/validate-metadata.ts';
import { isIp } from '../rules/ip.ts';
import { validateLabels } from '../rules/labels.ts';
import { dnsLabel, dnsSubdomain, oneOf, qualifiedName, requiredBy } from '../rules/names.ts';
import { within } from '../rules/numbers.ts';
import { resourceName, resourceQuantity, validateRequirements } from '../rules/resources.ts';
import { validateContainers, validateInitContainers } from './container-validation.ts';
import { validateAffinity, validateGates, validateSpread, validateTolerations } from './scheduling-validation.ts';
import { validatePodSecurity } from './security-validation.ts';
import { validateVolumes } from './volume-validation.ts';

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const restartPolicies = ['Always', 'OnFailure', 'Never'];
const maxNameservers = 3;
const maxSearches = 32;
const maxSearchLength = 2048;

/** The spec of a pod or of a template (validation.ValidatePodSpec); the order of the faults is upstream's. */
export function validatePodSpec(field: string, spec: PodSpec): readonly FieldError[] {
  return [
    ...validateVolumes(`${field}.volumes`, spec.volumes ?? []),
    ...validateClaimReferences(`${field}.resourceClaims`, spec.resourceClaims ?? []),
    ...validateContainers(`${field}.containers`, spec.containers ?? [], spec),
    ...validateInitContainers(`${field}.initContainers`, spec.initContainers ?? [], spec),
    ...validateRequirements(`${field}.resources`, spec.resources, undefined),
    ...oneOf(`${field}.restartPolicy`, spec.restartPolicy, restartPolicies),
    ...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, dnsPolicies),
    ...validateLabels(`${field}.nodeSelector`, spec.nodeSelector),
    ...validatePodSecurity(field, spec),
    ...validateAffinity(`${field}.affinity`, spec.affinity),
    ...validateDns(`${field}.dnsConfig`, spec.dnsPolicy, spec.dnsConfig),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
      qualifiedName(`${field}.readinessGates[${i}].conditionType`, conditionType),
    ),
    ...validateGates(`${field}.schedulingGates`, spec.schedulingGates ?? []),
    ...validateSpread(`${field}.topologySpreadConstraints`, spec.topologySpreadConstraints ?? []),
    ...validateHostUsers(field, spec),
    ...validateNames(field, spec),
    ...validateTolerations(`${field}.tolerations`, spec.tolerations ?? []),
    ...(spec.hostAliases ?? []).flatMap(({ ip, hostnames = [] }, i) => [
      ...isIp(`${field}.hostAliases[${i}].ip`, ip),
      ...hostnames.flatMap((name) => dnsSubdomain(`${field}.hostAliases[${i}].hostnames`, name)),
    ]),
    ...optional(dnsSubdomain, `${field}.priorityClassName`, spec.priorityClassName),
    ...optional(dnsSubdomain, `${field}.runtimeClassName`, spec.runtimeClassName),
    ...(spec.preemptionPolicy === undefined
      ? []
      : oneOf(`${field}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'])),
    ...sortedEntries(spec.overhead).flatMap(([name, quantity]) => [
      ...resourceName(`${field}.overhead.limits[${name}]`, name),
      ...resourceQuantity(`${field}.overhead.limits[${name}]`, name, quantity),
    ]),
    ...(spec.os === undefined ? [] : oneOf(`${field}.os.name`, spec.os.name, ['linux', 'windows'])),
  ];
}

/** What the template of a workload says beyond the pod's spec. Upstream names its metadata's fields without `metadata`. */
export function validatePodTemplate(field: string, template: PodTemplateSpec): readonly FieldError[] {
  const faults = [
    ...validateLabels(`${field}.labels`, template.metadata?.labels),
    ...validateAnnotations(`${field}.annotations`, template.metadata?.annotations),
    ...validatePodSpec(`${field}.spec`, template.spec ?? { containers: [] }),
  ];
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    faults.push(FieldError.forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
  return faults;
}

function optional(rule: typeof dnsLabel, field: string, value: string | undefined): readonly FieldError[] {
  return value === undefined || value === '' ? [] : rule(field, value);
}

function validateNames(field: string, spec: PodSpec): readonly FieldError[] {
  const { activeDeadlineSeconds } = spec;
  return [
    ...optional(dnsSubdomain, `${field}.serviceAccountName`, spec.serviceAccountName),
    ...optional(dnsSubdomain, `${field}.nodeName`, spec.nodeName),
    ...(activeDeadlineSeconds === undefined ? [] : within(`${field}.activeDeadlineSeconds`, activeDeadlineSeconds, 1, 2 ** 31 - 1)),
    ...optional(dnsLabel, `${field}.hostname`, spec.hostname),
    ...optional(dnsLabel, `${field}.subdomain`, spec.subdomain),
  ];
}

function validateClaimReferences(field: string, claims: NonNullable<PodSpec['resourceClaims']>): readonly FieldError[] {
  const seen = new Set<string>();
  return claims.flatMap(({ name, resourceClaimName, resourceClaimTemplateName }, i) => {
    const at = `${field}[${i}]`;
    const faults = [...requiredBy(dnsLabel, `${at}.name`, name)];
    if (name !== '' && seen.has(name)) faults.push(FieldError.duplicate(`${at}.name`, name));
    seen.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      faults.push(FieldError.invalid(at, claims[i], 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'));
    } else if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      faults.push(FieldError.required(at, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    }
    return [
      ...faults,
      ...(resourceClaimName === undefined ? [] : dnsSubdomain(`${at}.resourceClaimName`, resourceClaimName)),
      ...(resourceClaimTemplateName === undefined ? [] : dnsSubdomain(`${at}.resourceClaimTemplateName`, resourceClaimTemplateName)),
    ];
  });
}

function validateDns(field: string, policy: string | undefined, config: PodDNSConfig | undefined): readonly FieldError[] {
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  const faults: FieldError[] = [];
  if (policy === 'None') {
    if (config === undefined) return [FieldError.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0)
      return [FieldError.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  }
  if (nameservers.length > maxNameservers) {
    faults.push(FieldError.invalid(`${field}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`));
  }
  faults.push(...nameservers.flatMap((ip, i) => isIp(`${field}.nameservers[${i}]`, ip)));
  if (searches.length > maxSearches)
    faults.push(FieldError.invalid(`${field}.searches`, searches, `must not have more than ${maxSearches} search paths`));
  if (searches.join(' ').length > maxSearchLength) {
    faults.push(
      FieldError.invalid(
        `${field}.searches`,
        searches,
        `must not have more than ${maxSearchLength} characters (including spaces) in the search list`,
      ),
    );
  }
  faults.push(
    ...searches.flatMap((search, i) => (search === '.' ? [] : dnsSubdomain(`${field}.searches[${i}]`, search.replace(/\.$/, '')))),
  );
  for (const [i, { name = '' }] of options.entries())
    if (name === '') faults.push(FieldError.required(`${field}.options[${i}]`, 'must not be empty'));
  return faults;
}

function validateHostUsers(field: string, spec: PodSpec): readonly FieldError[] {
  if (spec.hostUsers !== false) return [];
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec[key] === true);
  return shared.map((key) => FieldError.forbidden(`${field}.${key}`, 'when `hostUsers` is false'));
}
