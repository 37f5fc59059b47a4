export type * from './generated/types.ts';
export { resourceRows } from './generated/resources.ts';
export type { ColumnRow, ResourceRow, SubresourceRow } from './resource-row.ts';
