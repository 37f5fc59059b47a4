import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, Sysctl } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { type GoShape, goStruct } from '../rules/go-struct.ts';
import { within } from '../rules/numbers.ts';
import { descendingPath } from '../rules/paths.ts';

const maxId = 2 ** 31 - 1;

const shape: GoShape = [
  [
    'Capabilities',
    'capabilities',
    {
      of: [
        ['Add', 'add'],
        ['Drop', 'drop'],
      ],
    },
  ],
  ['Privileged', 'privileged'],
  ['SELinuxOptions', 'seLinuxOptions'],
  ['WindowsOptions', 'windowsOptions'],
  ['RunAsUser', 'runAsUser'],
  ['RunAsGroup', 'runAsGroup'],
  ['RunAsNonRoot', 'runAsNonRoot'],
  ['ReadOnlyRootFilesystem', 'readOnlyRootFilesystem'],
  ['AllowPrivilegeEscalation', 'allowPrivilegeEscalation'],
  ['ProcMount', 'procMount'],
  ['SeccompProfile', 'seccompProfile'],
  ['AppArmorProfile', 'appArmorProfile'],
];

/** Security context of a container (validation.ValidateSecurityContext). */
export function validateSecurityContext(field: string, context: SecurityContext | undefined, hostUsers: boolean): readonly FieldError[] {
  if (context === undefined) return [];
  const { runAsUser, runAsGroup, procMount, allowPrivilegeEscalation, privileged, capabilities } = context;
  const faults = [...id(`${field}.runAsUser`, runAsUser), ...id(`${field}.runAsGroup`, runAsGroup)];
  if (procMount !== undefined) {
    if (procMount !== 'Default' && procMount !== 'Unmasked')
      faults.push(FieldError.notSupported(`${field}.procMount`, procMount, ['Default', 'Unmasked']));
    else if (hostUsers && procMount === 'Unmasked') {
      faults.push(FieldError.invalid(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
    }
  }
  faults.push(...validateSeccomp(`${field}.seccompProfile`, context.seccompProfile));
  if (allowPrivilegeEscalation === false) {
    if (privileged === true) {
      faults.push(
        FieldError.invalid(field, goStruct(shape, context), 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    }
    if (capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
      faults.push(
        FieldError.invalid(
          field,
          goStruct(shape, context),
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
    }
  }
  return [...faults, ...validateAppArmor(`${field}.appArmorProfile`, context.appArmorProfile)];
}

/** Security context of a pod, which stands partly beside it in the spec. */
export function validatePodSecurity(field: string, spec: PodSpec): readonly FieldError[] {
  const context: PodSecurityContext = spec.securityContext ?? {};
  const at = `${field}.securityContext`;
  const faults = [
    ...validateHostPorts(field, spec),
    ...id(`${at}.fsGroup`, context.fsGroup),
    ...id(`${at}.runAsUser`, context.runAsUser),
    ...id(`${at}.runAsGroup`, context.runAsGroup),
    ...(context.supplementalGroups ?? []).flatMap((group, i) => id(`${at}.supplementalGroups[${i}]`, group)),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    faults.push(FieldError.invalid(`${at}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  }
  faults.push(...validateSysctls(`${at}.sysctls`, context.sysctls ?? []));
  const { fsGroupChangePolicy, supplementalGroupsPolicy } = context;
  if (fsGroupChangePolicy !== undefined && !['OnRootMismatch', 'Always'].includes(fsGroupChangePolicy)) {
    faults.push(FieldError.notSupported(`${at}.fsGroupChangePolicy`, fsGroupChangePolicy, ['Always', 'OnRootMismatch']));
  }
  faults.push(...validateSeccomp(`${at}.seccompProfile`, context.seccompProfile));
  faults.push(...validateAppArmor(`${at}.appArmorProfile`, context.appArmorProfile));
  if (supplementalGroupsPolicy !== undefined && !['Merge', 'Strict'].includes(supplementalGroupsPolicy)) {
    faults.push(FieldError.notSupported(`${at}.supplementalGroupsPolicy`, supplementalGroupsPolicy, ['Merge', 'Strict']));
  }
  return faults;
}

function validateHostPorts(field: string, spec: PodSpec): readonly FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return (spec.containers ?? []).flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ containerPort, hostPort = 0 }, j) => {
      if (hostPort === containerPort) return [];
      const at = `${field}.containers[${i}].ports[${j}].containerPort`;
      return [FieldError.invalid(at, containerPort, 'must match `hostPort` when `hostNetwork` is true')];
    }),
  );
}

function id(field: string, value: number | undefined): readonly FieldError[] {
  return value === undefined ? [] : within(field, value, 0, maxId);
}

function validateSysctls(field: string, sysctls: readonly Sysctl[]): readonly FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of sysctls.entries()) {
    const at = `${field}[${i}].name`;
    if (name === '') faults.push(FieldError.required(at));
    else if (name.length > 253 || !/^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/.test(name)) {
      const text =
        'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
      faults.push(FieldError.invalid(at, name, text));
    } else if (seen.has(name)) faults.push(FieldError.duplicate(at, name));
    seen.add(name);
  }
  return faults;
}

function validateSeccomp(field: string, profile: SeccompProfile | undefined): readonly FieldError[] {
  if (profile === undefined) return [];
  const faults: FieldError[] = [];
  const { type, localhostProfile } = profile;
  if (type === '') faults.push(FieldError.required(`${field}.type`, 'type is required when seccompProfile is set'));
  else if (!profileTypes.includes(type)) faults.push(FieldError.notSupported(`${field}.type`, type, profileTypes));
  const at = `${field}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) faults.push(FieldError.required(at, 'must be set when seccomp type is Localhost'));
    else faults.push(...descendingPath(at, localhostProfile));
  } else if (localhostProfile !== undefined)
    faults.push(FieldError.invalid(at, localhostProfile, 'can only be set when seccomp type is Localhost'));
  return faults;
}

const profileTypes: readonly string[] = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateAppArmor(field: string, profile: AppArmorProfile | undefined): readonly FieldError[] {
  if (profile === undefined) return [];
  const faults: FieldError[] = [];
  const { type, localhostProfile } = profile;
  if (type === '') faults.push(FieldError.required(`${field}.type`, 'type is required when appArmorProfile is set'));
  else if (!profileTypes.includes(type)) faults.push(FieldError.notSupported(`${field}.type`, type, profileTypes));
  const at = `${field}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) faults.push(FieldError.required(at, 'must be set when AppArmor type is Localhost'));
    else if (localhostProfile.trim() !== localhostProfile)
      faults.push(FieldError.invalid(at, localhostProfile, 'must not be padded with whitespace'));
    else if (localhostProfile === '') faults.push(FieldError.required(at, 'must be set when AppArmor type is Localhost'));
  } else if (localhostProfile !== undefined)
    faults.push(FieldError.invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
  return faults;
}
