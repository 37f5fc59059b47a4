import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '@coracle/api';
import { formatTime, type Frozen, goQuote, semanticEqual } from '@coracle/apimachinery';

/** Holds a definition until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

type Crd = Frozen<CustomResourceDefinition>;
type Status = Frozen<CustomResourceDefinitionStatus>;
type Names = Frozen<CustomResourceDefinitionNames>;
type Condition = Frozen<CustomResourceDefinitionCondition>;
type Judged = Omit<Condition, 'lastTransitionTime'>;

const noNames: Names = { plural: '', kind: '' };
const noStatus: Status = { conditions: [], acceptedNames: noNames, storedVersions: [] };

/**
 * The status of a CustomResourceDefinition among `others`: which of its names are its own, and whether its resource is served
 * (apiextensions-apiserver pkg/controller/status and pkg/controller/establish, in one step: here nothing has to hear of the
 * names before the resource can be served). The status that it has when nothing changes.
 */
export function establish(crd: Crd, others: readonly Crd[], nowMs: number): Status {
  const status = crd.status ?? noStatus;
  const { acceptedNames, conflict } = acceptNames(crd, others);
  const isFree = conflict === undefined;
  const named: Judged = isFree
    ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
    : { type: 'NamesAccepted', status: 'False', ...conflict };
  const established: Judged = isFree
    ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const conditions = withCondition(status.conditions ?? [], named, nowMs);
  const changed = {
    ...status,
    // Once established, a resource stays served, whatever becomes of its names.
    conditions: isEstablished(crd) ? conditions : withCondition(conditions, established, nowMs),
    acceptedNames,
    storedVersions: withStorageVersion(crd),
  };
  return semanticEqual(changed, status) ? status : changed;
}

/** Whether the resource of a definition is served. */
export function isEstablished({ status }: Crd): boolean {
  return (status?.conditions ?? []).some((condition) => condition.type === 'Established' && condition.status === 'True');
}

/** The status of a definition that is marked for deletion: its objects go first. */
export function terminating({ status = noStatus }: Crd, nowMs: number): Status {
  const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon';
  const condition: Judged = { type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message };
  return { ...status, conditions: withCondition(status.conditions ?? [], condition, nowMs) };
}

/** Every version that objects were ever stored in, until someone who has migrated them takes it out. */
export function withStorageVersion({ spec, status }: Crd): readonly string[] {
  const stored = status?.storedVersions ?? [];
  // Sent as null, a list arrives as null: the rules say so, this must only bear it.
  const name = (spec.versions ?? []).find(({ storage }) => storage)?.name;
  return name === undefined || stored.includes(name) ? stored : [...stored, name];
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** Names are taken one by one as far as they are free. Of several conflicts the last is told. */
function acceptNames(crd: Crd, others: readonly Crd[]): { readonly acceptedNames: Names; readonly conflict: Conflict | undefined } {
  const requested = crd.spec.names;
  const accepted = crd.status?.acceptedNames ?? noNames;
  const inGroup = others.filter(({ spec, metadata }) => spec.group === crd.spec.group && metadata.name !== crd.metadata.name);
  const taken = [accepted, ...inGroup.map(({ status }) => status?.acceptedNames ?? noNames)];
  const resources = new Set(taken.flatMap((names) => [names.plural, names.singular ?? '', ...(names.shortNames ?? [])]));
  const kinds = new Set(taken.flatMap((names) => [names.kind, names.listKind ?? '']));
  let conflict: Conflict | undefined;
  const own = (field: 'plural' | 'singular' | 'kind' | 'listKind', inUse: ReadonlySet<string>, reason: string): string => {
    const wanted = requested[field] ?? '';
    if (wanted === (accepted[field] ?? '') || !inUse.has(wanted)) return wanted;
    conflict = { reason, message: inUseMessage(wanted) };
    return accepted[field] ?? '';
  };
  const plural = own('plural', resources, 'PluralConflict');
  const singular = own('singular', resources, 'SingularConflict');
  const ownShort = accepted.shortNames ?? [];
  const takenShort = (requested.shortNames ?? []).filter((name) => !ownShort.includes(name) && resources.has(name));
  if (takenShort.length > 0) conflict = { reason: 'ShortNamesConflict', message: joined(takenShort.map(inUseMessage)) };
  const shortNames = takenShort.length > 0 ? ownShort : (requested.shortNames ?? []);
  const kind = own('kind', kinds, 'KindConflict');
  const listKind = own('listKind', kinds, 'ListKindConflict');
  const { categories = [] } = requested;
  const acceptedNames: Names = {
    plural,
    ...(singular === '' ? {} : { singular }),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    kind,
    ...(listKind === '' ? {} : { listKind }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  return { acceptedNames, conflict };
}

function inUseMessage(name: string): string {
  return `${goQuote(name)} is already in use`;
}

/** Several errors in one, as Go's aggregates print them. */
function joined(messages: readonly string[]): string {
  return messages.length === 1 ? messages.join('') : `[${messages.join(', ')}]`;
}

function withCondition(conditions: readonly Condition[], judged: Judged, nowMs: number): readonly Condition[] {
  const before = conditions.find(({ type }) => type === judged.type);
  const isSame = before?.status === judged.status && before.lastTransitionTime !== undefined;
  const changed = { ...before, ...judged, lastTransitionTime: isSame ? before.lastTransitionTime : formatTime(nowMs) };
  return before === undefined ? [...conditions, changed] : conditions.map((one) => (one.type === judged.type ? changed : one));
}
