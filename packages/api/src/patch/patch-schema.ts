import { goQuote } from '@coracle/apimachinery';
import type { FieldFacts, TypeShape, TypeTable } from '../type-facts.ts';
import { StrategicMergeError } from './strategic-merge-error.ts';

/** How a patch changes one member of a map (apimachinery pkg/util/strategicpatch meta.go). */
export interface PatchRule {
  /** Of the member's value; for lists, of the items. */
  readonly shape: TypeShape;
  /** `merge`, `replace` or none; `retainKeys` matters only to whoever makes patches. */
  readonly strategy: string | undefined;
  readonly mergeKey: string | undefined;
}

/** Throws StrategicMergeError where the type has no such member. */
export function ruleForMap(table: TypeTable, parent: TypeShape, member: string): PatchRule {
  const field = fieldOf(table, parent, member);
  return { shape: field.shape, ...strategyOf(field) };
}

/** Throws StrategicMergeError where the type has no such member, or one that is no list. */
export function ruleForList(table: TypeTable, parent: TypeShape, member: string): PatchRule {
  const field = fieldOf(table, parent, member);
  return { shape: itemShape(field.shape, parent), ...strategyOf(field) };
}

/** Go's kind of a type (reflect.Kind). */
export function goKind(shape: TypeShape): string {
  switch (shape.is) {
    case 'list':
    case 'bytes':
      return 'slice';
    case 'map':
      return 'map';
    case 'pointer':
      return 'ptr';
    case 'string':
    case 'int32':
    case 'int64':
    case 'float64':
    case 'bool':
      return shape.is;
    default:
      return 'struct';
  }
}

function fieldOf(table: TypeTable, parent: TypeShape, member: string): FieldFacts {
  const shape = parent.is === 'pointer' ? parent.of : parent;
  const kind = goKind(shape);
  if (kind !== 'struct') throw new StrategicMergeError(`merging an object in json but data type is not struct, instead is: ${kind}`);
  const field = shape.is === 'struct' ? table.struct(shape.name).byJson.get(member) : undefined;
  if (field !== undefined) return field;
  // Types with a codec of their own (RawExtension, JSON, …) have no fields of JSON at all.
  const name = shape.is === 'struct' ? shape.name.slice(shape.name.lastIndexOf('.') + 1) : shape.is;
  throw new StrategicMergeError(`unable to find api field in struct ${name} for the json field ${goQuote(member)}`);
}

function itemShape(shape: TypeShape, parent: TypeShape): TypeShape {
  if (shape.is === 'pointer') return shape.of.is === 'list' ? shape.of.of : shape.of;
  if (shape.is !== 'list') throw new StrategicMergeError(`expected slice or array type, but got: ${goKind(parent)}`);
  if (goKind(shape.of) === 'slice') throw new StrategicMergeError('unexpected slice of slice');
  return shape.of;
}

function strategyOf({ patchStrategies, patchMergeKey }: FieldFacts): Pick<PatchRule, 'strategy' | 'mergeKey'> {
  return { strategy: patchStrategies.find((one) => one !== 'retainKeys'), mergeKey: patchMergeKey };
}
