export type * from './generated/types.ts';
export { resourceRows } from './generated/resources.ts';
export type { ColumnRow, ResourceRow, SubresourceRow } from './resource-row.ts';
export {
  builtInTypes,
  type FieldFacts,
  type KindFacts,
  type SpecialType,
  type StructFacts,
  TypeTable,
  type TypeShape,
  type UnionFacts,
} from './type-facts.ts';
export { DecodeError, type DecodedStruct, decodeStruct } from './decode.ts';
export { kubeletLabels } from './node-labels.ts';
export { goValue } from './patch/go-value.ts';
export { StrategicMergeError } from './patch/strategic-merge-error.ts';
export { strategicMergePatch } from './patch/strategic-merge.ts';
export { type HashedGroupVersion, openApiDocument, type OpenApiDocument, openApiIndex, type OpenApiIndex } from './openapi/open-api.ts';
export { discoveryPath, type Parameter, type PathItem, type PathSchemas, resourcePaths } from './openapi/resource-paths.ts';
export { type SwaggerDocument, swaggerDocument } from './openapi/swagger.ts';
export { encodeSwagger } from './openapi/swagger-protobuf.ts';
export { type OpenApiSchema, schemaName, schemasFrom, type SchemaScope } from './openapi/schema.ts';
export { decodeMessage } from './protobuf/decode.ts';
export { encodeMessage } from './protobuf/encode.ts';
export {
  decodeProtobuf,
  encodeEnvelope,
  encodeProtobuf,
  encodeProtobufList,
  encodeWatchEvent,
  isProtobuf,
  type ProtobufEnvelope,
  readEnvelope,
} from './protobuf/envelope.ts';
export { ProtobufError } from './protobuf/wire.ts';
