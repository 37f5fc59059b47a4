export { builtInTypes, type TypeTable } from './type-facts.ts';
export { type Draft, MessageDecoder, type MessageDecoderOptions, UnknownFieldError } from './protobuf/decode.ts';
export { type ProtobufEnvelope, readEnvelope } from './protobuf/envelope.ts';
export { type Plan, type PlannedField, planOf } from './protobuf/plan.ts';
export { ProtobufError } from './protobuf/wire.ts';
export { WireReader } from './protobuf/wire-reader.ts';
