import { type FieldRequirement, newBadRequest, parseFieldSelector, parseLabelSelector } from '@coracle/apimachinery';
import type { ApiObject, ResourceDefinition } from './definition.ts';

/** The objects that a list, watch or deletecollection is about. */
export interface Selection {
  /** Nothing is filtered. */
  readonly everything: boolean;
  /** The one name that can match, when the selector says so: its key is read instead of the collection. */
  readonly name: string | undefined;
  /** `object` is as it is stored. */
  matches(object: ApiObject): boolean;
}

type Fields = Readonly<Record<string, (object: ApiObject) => string>>;

const metadataFields: Fields = {
  'metadata.name': ({ metadata }) => metadata.name ?? '',
  'metadata.namespace': ({ metadata }) => metadata.namespace ?? '',
};

/** Throws a 400 for selectors that do not parse and for fields that the kind does not offer. */
export function selectionOf(
  definition: ResourceDefinition,
  query: { readonly labelSelector: string; readonly fieldSelector: string },
): Selection {
  const labels = parseLabelSelector(query.labelSelector);
  const requirements = query.fieldSelector === '' ? [] : parseFieldSelector(query.fieldSelector);
  for (const { field } of requirements) {
    if (!Object.hasOwn(metadataFields, field) && !Object.hasOwn(definition.selectableFields, field)) throw unknownField(definition, field);
  }
  const values = requirements.map((requirement) => ({ ...requirement, read: fieldOf(definition, requirement) }));
  const served = (object: ApiObject): ApiObject => definition.convert?.fromStorage(object) ?? object;
  const fieldsMatch = (object: ApiObject): boolean =>
    values.every(({ read, operator, value }) => (read(object) === value) === (operator === '='));
  return {
    everything: labels.everything && requirements.length === 0,
    name: requirements.find(({ field, operator, value }) => field === 'metadata.name' && operator === '=' && value !== '')?.value,
    matches: (object) =>
      (values.length === 0 || fieldsMatch(served(object))) && (labels.everything || labels.matches(object.metadata.labels)),
  };
}

function fieldOf({ selectableFields }: ResourceDefinition, { field }: FieldRequirement): (object: ApiObject) => string {
  return (Object.hasOwn(metadataFields, field) ? metadataFields[field] : selectableFields[field]) ?? (() => '');
}

/** Kinds with fields of their own answer in other words than those without. */
function unknownField(definition: ResourceDefinition, field: string): Error {
  if (Object.keys(definition.selectableFields).length === 0) {
    return newBadRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  }
  return newBadRequest(`field label not supported: ${field}`);
}
