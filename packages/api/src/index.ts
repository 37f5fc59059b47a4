export type * from './generated/types.ts';
export { resourceRows } from './generated/resources.ts';
export type { ColumnRow, ResourceRow, SubresourceRow } from './resource-row.ts';
export { type FieldFacts, type KindFacts, type SpecialType, type StructFacts, TypeTable, type TypeShape } from './type-facts.ts';
export { DecodeError, type DecodedStruct, decodeStruct } from './decode.ts';
export { goValue } from './patch/go-value.ts';
export { StrategicMergeError } from './patch/strategic-merge-error.ts';
export { strategicMergePatch } from './patch/strategic-merge.ts';
