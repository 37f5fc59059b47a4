import type { CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames, CustomResourceDefinitionStatus } from '@coracle/api';
import { formatTime, type Frozen } from '@coracle/apimachinery';

type Crd = Frozen<CustomResourceDefinition>;

/**
 * The status of a CustomResourceDefinition among the others of its group (apiextensions-apiserver pkg/controller/status and
 * pkg/controller/establish): which of its names are free for it, and whether it is served.
 */
export function establish(crd: Crd, others: readonly Crd[], nowMs: number): Frozen<CustomResourceDefinitionStatus> {
  const { names, group } = crd.spec;
  const taken = others.filter((other) => other.spec.group === group && other.metadata.name !== crd.metadata.name).map(({ status }) => status?.acceptedNames);
  const resources = new Set(taken.flatMap((one) => (one === undefined ? [] : [one.plural, one.singular ?? '', ...(one.shortNames ?? [])])).filter((name) => name !== ''));
  const kinds = new Set(taken.flatMap((one) => (one === undefined ? [] : [one.kind, one.listKind ?? ''])).filter((name) => name !== ''));
  const faults: (readonly [reason: string, name: string])[] = [];
  const free = (reason: string, name: string, used: ReadonlySet<string>): boolean => {
    if (name === '' || !used.has(name)) return true;
    faults.push([reason, name]);
    return false;
  };
  const before = crd.status?.acceptedNames;
  const { singular = '', shortNames = [], listKind = '' } = names;
  const accepted: CustomResourceDefinitionNames = {
    plural: free('PluralConflict', names.plural, resources) ? names.plural : (before?.plural ?? ''),
    ...optional('singular', free('SingularConflict', singular, resources) ? singular : before?.singular),
    ...(shortNames.every((name) => free('ShortNamesConflict', name, resources)) ? (shortNames.length === 0 ? {} : { shortNames }) : (before?.shortNames ?? []).length > 0 ? { shortNames: before?.shortNames ?? [] } : {}),
    kind: free('KindConflict', names.kind, kinds) ? names.kind : (before?.kind ?? ''),
    ...optional('listKind', free('ListKindConflict', listKind, kinds) ? listKind : before?.listKind),
    ...((names.categories ?? []).length === 0 ? {} : { categories: names.categories ?? [] }),
  };
  const [fault] = faults;
  const namesAccepted = condition('NamesAccepted', fault === undefined ? ['True', 'NoConflicts', 'no conflicts found'] : ['False', fault[0], `"${fault[1]}" is already in use`]);
  const wasEstablished = crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
  // Once served it stays so, whatever names it is given later.
  const established = condition('Established', fault === undefined || wasEstablished ? ['True', 'InitialNamesAccepted', 'the initial names have been accepted'] : ['False', 'NotAccepted', 'not all names are accepted']);
  const old = crd.status?.conditions ?? [];
  const own = [namesAccepted, established].map((one) => kept(old, one, nowMs));
  const storage = crd.spec.versions.find((version) => version.storage)?.name;
  const storedVersions = crd.status?.storedVersions ?? [];
  return {
    ...crd.status,
    conditions: [...own, ...old.filter(({ type }) => type !== 'NamesAccepted' && type !== 'Established')],
    acceptedNames: accepted,
    storedVersions: storage === undefined || storedVersions.includes(storage) ? storedVersions : [...storedVersions, storage],
  };
}

export function isEstablished({ status }: Crd): boolean {
  return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') === true;
}

/** Says that the instances of a deleted definition are on their way out. */
export function terminating({ status }: Crd, nowMs: number): Frozen<CustomResourceDefinitionStatus> {
  const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon';
  const old = status?.conditions ?? [];
  const own = kept(old, condition('Terminating', ['True', 'InstanceDeletionPending', message]), nowMs);
  return { acceptedNames: { plural: '', kind: '' }, storedVersions: [], ...status, conditions: [...old.filter(({ type }) => type !== 'Terminating'), own] };
}

type Judged = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>;

function condition(type: string, [status, reason, message]: readonly [status: string, reason: string, message: string]): Judged {
  return { type, status, reason, message };
}

/** The time of a condition is that of its last change of status. */
function kept(old: readonly Frozen<CustomResourceDefinitionCondition>[], judged: Judged, nowMs: number): CustomResourceDefinitionCondition {
  const before = old.find(({ type }) => type === judged.type);
  const lastTransitionTime = before?.status === judged.status ? before.lastTransitionTime : formatTime(nowMs);
  return { type: judged.type, status: judged.status, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }), ...(judged.reason === undefined ? {} : { reason: judged.reason }), ...(judged.message === undefined ? {} : { message: judged.message }) };
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Record<K, string>);
}
