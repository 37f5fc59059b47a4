import type { PersistentVolumeClaim, StatefulSet, StatefulSetSpec } from '@coracle/api';
import { FieldError, semanticEqual } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaultClaim } from '../core/persistentvolumeclaims-defaults.ts';
import { validateClaimSpec } from '../core/persistentvolumeclaims-validation.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { defaulted, inEach, inField } from '../defaulted.ts';
import { emptyText, type GoShape, goStruct, zeroNumber } from '../rules/go-struct.ts';
import { dnsLabel, supported } from '../rules/names.ts';
import { countOrPercent, isZeroAmount, nonNegative, notOver100Percent } from '../rules/numbers.ts';
import { immutable, immutableSelector, unusableSelector, validateRequiredSelector, validateWorkloadTemplate } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';
import { shownClaims } from './shown-claims.ts';

const policies = ['Retain', 'Delete'];
/** What may change once the set exists. */
const mutable: ReadonlySet<string> = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

export const statefulsets: KindHooks = hooksFor<StatefulSet>({
  default(set) {
    const spec = defaulted(set.spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
    let updateStrategy = defaulted(spec.updateStrategy ?? {}, { type: 'RollingUpdate' });
    if (updateStrategy.type === 'RollingUpdate') {
      updateStrategy = {
        ...updateStrategy,
        rollingUpdate: defaulted(updateStrategy.rollingUpdate ?? {}, { partition: 0, maxUnavailable: 1 }),
      };
    }
    const retention = defaulted(spec.persistentVolumeClaimRetentionPolicy ?? {}, { whenDeleted: 'Retain', whenScaled: 'Retain' });
    const complete = {
      ...spec,
      updateStrategy,
      persistentVolumeClaimRetentionPolicy: retention,
      template: defaultPodTemplate(spec.template),
    };
    return { ...set, spec: inField(complete, 'volumeClaimTemplates', (claims) => inEach(claims, asClaim)) };
  },
  strategy: {
    hasGeneration: true,
    validate: ({ spec }) => validateSpec(spec),
    validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...validateChanges(spec, old.spec)],
    warnings: ({ spec }, old) => (old === undefined ? podWarnings('spec.template', spec.template) : []),
  },
});

/** Templates say of which kind they are once they are stored. */
function asClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return defaultClaim({ ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' });
}

function validateSpec(spec: StatefulSetSpec): readonly FieldError[] {
  const { podManagementPolicy = '', serviceName, selector, persistentVolumeClaimRetentionPolicy: retention = {} } = spec;
  const faults: FieldError[] = [];
  if (podManagementPolicy === '') faults.push(FieldError.required('spec.podManagementPolicy'));
  else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    faults.push(FieldError.invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  }
  faults.push(...validateStrategy('spec.updateStrategy', spec.updateStrategy ?? {}));
  for (const key of ['whenDeleted', 'whenScaled'] as const) {
    faults.push(...supported(`spec.persistentVolumeClaimRetentionPolicy.${key}`, retention[key], policies));
  }
  faults.push(
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...validateRequiredSelector('spec.selector', selector, 'statefulset'),
    ...(serviceName === '' ? [] : dnsLabel('spec.serviceName', serviceName)),
    ...unusableSelector('spec.selector', selector, ''),
    ...validateWorkloadTemplate('spec.template', withClaimVolumes(spec), { selector, kind: 'StatefulSet' }),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, i) => validateClaimSpec(`spec.volumeClaimTemplates[${i}].spec`, claim.spec ?? {})),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  );
  return faults;
}

const rollingShape: GoShape = [
  ['Partition', 'partition', zeroNumber],
  ['MaxUnavailable', 'maxUnavailable'],
];

function validateStrategy(field: string, strategy: NonNullable<StatefulSetSpec['updateStrategy']>): readonly FieldError[] {
  const { type = '', rollingUpdate } = strategy;
  if (type === '') return [FieldError.required(field)];
  if (type === 'OnDelete') {
    if (rollingUpdate === undefined) return [];
    return [
      FieldError.invalid(
        `${field}.rollingUpdate`,
        goStruct(rollingShape, rollingUpdate),
        "only allowed for updateStrategy 'RollingUpdate'",
      ),
    ];
  }
  if (type !== 'RollingUpdate') {
    const shown = goStruct(
      [
        ['Type', 'type', emptyText],
        ['RollingUpdate', 'rollingUpdate', { of: rollingShape }],
      ],
      strategy,
    );
    return [FieldError.invalid(field, shown, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  const at = `${field}.rollingUpdate`;
  const faults = [...nonNegative(`${at}.partition`, partition)];
  if (maxUnavailable === undefined) return faults;
  faults.push(...countOrPercent(`${at}.maxUnavailable`, maxUnavailable));
  if (isZeroAmount(maxUnavailable)) faults.push(FieldError.invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  return [...faults, ...notOver100Percent(`${at}.maxUnavailable`, maxUnavailable)];
}

function validateChanges(spec: StatefulSetSpec, old: StatefulSetSpec): readonly FieldError[] {
  const faults = [
    ...immutableSelector('spec.selector', spec.selector, old.selector),
    ...(semanticEqual(spec.volumeClaimTemplates, old.volumeClaimTemplates)
      ? []
      : [FieldError.invalid('spec.volumeClaimTemplates', shownClaims(spec.volumeClaimTemplates), 'field is immutable')]),
    ...immutable('spec.serviceName', spec.serviceName ?? '', old.serviceName ?? ''),
    ...immutable('spec.podManagementPolicy', spec.podManagementPolicy, old.podManagementPolicy),
  ];
  if (faults.length > 0 || semanticEqual(fixedPart(spec), fixedPart(old))) return faults;
  const text =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [FieldError.forbidden('spec', text)];
}

function fixedPart(spec: StatefulSetSpec): unknown {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !mutable.has(key)));
}

/** Containers mount the claims by the names of their templates, in place of volumes of these names. */
function withClaimVolumes({ template, volumeClaimTemplates }: StatefulSetSpec): StatefulSetSpec['template'] {
  const claims = (volumeClaimTemplates ?? []).map(({ metadata: { name = '' } }) => ({ name, persistentVolumeClaim: { claimName: name } }));
  if (claims.length === 0 || template.spec === undefined) return template;
  const names = new Set(claims.map(({ name }) => name));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...claims] } };
}
