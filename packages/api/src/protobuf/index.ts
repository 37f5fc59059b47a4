export { builtInTypes, type TypeTable } from '../type-facts.ts';
export { type Draft, MessageDecoder, type MessageDecoderOptions, UnknownFieldError } from './decode.ts';
export { type ProtobufEnvelope, readEnvelope } from './envelope.ts';
export { type Plan, type PlannedField, planOf } from './plan.ts';
export { ProtobufError } from './wire.ts';
export { WireReader } from './wire-reader.ts';
