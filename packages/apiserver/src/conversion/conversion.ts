import { decodeStruct, type TypeTable } from '@coracle/api';
import { deepFreeze, type Unstructured } from '@coracle/apimachinery';
import type { ApiObject, ResourceDefinition, Strategy } from '../registry/definition.ts';
import type { KindHooks } from '../registry/kind-hooks.ts';
import { fromNewEvent, toNewEvent } from './events.ts';
import { fromFirstAutoscaler, toFirstAutoscaler } from './horizontal-pod-autoscalers.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A built-in kind whose objects are stored in the form of another version or group. Both ways are total, and lose nothing. */
interface StoredForm {
  readonly group: string;
  readonly version: string;
  /** Of what is stored; the result is read once more, so that absent fields become what Go prints for them. */
  toStorage(object: Fields): Fields;
  fromStorage(object: Fields): Fields;
  /** Rules of the kind are written for the stored form. */
  readonly sharesRules: boolean;
}

/** By `group/version/resource`: two versions of one kind, and two groups over one range of keys. */
const storedForms: Readonly<Record<string, StoredForm>> = {
  'events.k8s.io/v1/events': { group: '', version: 'v1', toStorage: fromNewEvent, fromStorage: toNewEvent, sharesRules: false },
  'autoscaling/v1/horizontalpodautoscalers': {
    group: 'autoscaling',
    version: 'v2',
    toStorage: fromFirstAutoscaler,
    fromStorage: toFirstAutoscaler,
    sharesRules: true,
  },
};

export interface BuiltInConversion {
  readonly convert: NonNullable<ResourceDefinition['convert']>;
  /** Of what is stored. */
  readonly apiVersion: string;
  readonly sharesRules: boolean;
}

/** How a built-in kind's objects become what is stored; undefined when they are that already. */
export function conversionOf(
  table: TypeTable,
  row: { readonly group: string; readonly version: string; readonly resource: string; readonly kind: string },
): BuiltInConversion | undefined {
  const form = storedForms[`${row.group}/${row.version}/${row.resource}`];
  if (form === undefined) return undefined;
  const served = typed(table, row);
  const stored = typed(table, { ...form, kind: row.kind });
  return {
    convert: {
      toStorage: (object) => stored(form.toStorage(object)),
      fromStorage: (object) => served(form.fromStorage(object)),
    },
    apiVersion: apiVersionOf(form),
    sharesRules: form.sharesRules,
  };
}

function apiVersionOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? version : `${group}/${version}`;
}

function typed(
  table: TypeTable,
  row: { readonly group: string; readonly version: string; readonly kind: string },
): (fields: Fields) => Unstructured {
  const type = table.kind(row.group, row.version, row.kind)?.type;
  if (type === undefined) throw new TypeError(`No facts about ${row.kind} of ${apiVersionOf(row)}`);
  const head = { kind: row.kind, apiVersion: apiVersionOf(row) };
  return (fields) => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = decodeStruct(table, type, { ...fields, ...head }).object;
    return deepFreeze({ ...head, ...rest }) as Unstructured; // metadata is a struct, hence present
  };
}

/** Rules that are written for the stored form, for objects in the served one. */
export function viaStorage({ default: fill, strategy, statusStrategy }: KindHooks, convert: BuiltInConversion['convert']): KindHooks {
  return {
    ...(fill === undefined ? {} : { default: (object) => convert.fromStorage(fill(convert.toStorage(object))) as Unstructured }), // frozen, and not changed
    ...(strategy === undefined ? {} : { strategy: strategyVia(strategy, convert) }),
    ...(statusStrategy === undefined ? {} : { statusStrategy: strategyVia(statusStrategy, convert) }),
  };
}

function strategyVia(strategy: Strategy, convert: BuiltInConversion['convert']): Strategy {
  const stored = (object: ApiObject): ApiObject => convert.toStorage(object as Unstructured); // converted, not changed
  const { prepareForCreate, prepareForUpdate, validate, validateUpdate, warnings } = strategy;
  return {
    ...strategy,
    ...(prepareForCreate === undefined
      ? {}
      : { prepareForCreate: (object, context) => convert.fromStorage(prepareForCreate(stored(object), context)) }),
    ...(prepareForUpdate === undefined
      ? {}
      : { prepareForUpdate: (object, old, context) => convert.fromStorage(prepareForUpdate(stored(object), stored(old), context)) }),
    ...(validate === undefined ? {} : { validate: (object, context) => validate(stored(object), context) }),
    ...(validateUpdate === undefined
      ? {}
      : { validateUpdate: (object, old, context) => validateUpdate(stored(object), stored(old), context) }),
    ...(warnings === undefined ? {} : { warnings: (object, old) => warnings(stored(object), old === undefined ? undefined : stored(old)) }),
  };
}
