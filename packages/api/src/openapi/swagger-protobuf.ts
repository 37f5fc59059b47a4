import { wire, WireWriter } from '../protobuf/wire.ts';
import type { SwaggerDocument } from './swagger.ts';

/** How a member is written: a scalar, `any` (any JSON, as YAML text), or as a message; `map` is one entry of a message whose members are names. */
type Field = readonly [
  number: number,
  as: 'text' | 'texts' | 'flag' | 'integer' | 'number' | 'any' | 'anys' | 'one' | 'many' | 'map',
  message?: MessageName,
];

type MessageName = keyof typeof messages;

/** JSON members by their numbers in openapi.v2 (google/gnostic-models openapiv2/OpenAPIv2.proto); `x-` is where extensions go. */
const messages = {
  Document: {
    swagger: [1, 'text'],
    info: [2, 'one', 'Info'],
    paths: [8, 'one', 'Paths'],
    definitions: [9, 'one', 'Schemas'],
    security: [12, 'many', 'SecurityRequirement'],
    securityDefinitions: [13, 'one', 'SecurityDefinitions'],
  },
  Info: { title: [1, 'text'], version: [2, 'text'] },
  Paths: { '*': [2, 'map', 'PathItem'] },
  Schemas: { '*': [1, 'map', 'Schema'] },
  SecurityRequirement: { '*': [1, 'map', 'Texts'] },
  Texts: { '[]': [1, 'texts'] },
  SecurityDefinitions: { '*': [1, 'map', 'SecurityDefinition'] },
  SecurityDefinition: { '': [2, 'one', 'ApiKey'] },
  ApiKey: { type: [1, 'text'], name: [2, 'text'], in: [3, 'text'], description: [4, 'text'] },
  PathItem: {
    get: [2, 'one', 'Operation'],
    put: [3, 'one', 'Operation'],
    post: [4, 'one', 'Operation'],
    delete: [5, 'one', 'Operation'],
    options: [6, 'one', 'Operation'],
    head: [7, 'one', 'Operation'],
    patch: [8, 'one', 'Operation'],
    parameters: [9, 'many', 'ParametersItem'],
  },
  Operation: {
    tags: [1, 'texts'],
    description: [3, 'text'],
    operationId: [5, 'text'],
    produces: [6, 'texts'],
    consumes: [7, 'texts'],
    parameters: [8, 'many', 'ParametersItem'],
    responses: [9, 'one', 'Responses'],
    schemes: [10, 'texts'],
    'x-': [13, 'any'],
  },
  ParametersItem: { '': [1, 'one', 'Parameter'] },
  Parameter: { body: [1, 'one', 'BodyParameter'], query: [2, 'one', 'QueryParameter'], path: [2, 'one', 'PathParameter'] },
  BodyParameter: { name: [2, 'text'], in: [3, 'text'], required: [4, 'flag'], schema: [5, 'one', 'Schema'] },
  QueryParameter: { '': [3, 'one', 'QueryFields'] },
  QueryFields: { required: [1, 'flag'], in: [2, 'text'], name: [4, 'text'], type: [6, 'text'], uniqueItems: [20, 'flag'] },
  PathParameter: { '': [4, 'one', 'PathFields'] },
  PathFields: { required: [1, 'flag'], in: [2, 'text'], name: [4, 'text'], type: [5, 'text'], uniqueItems: [19, 'flag'] },
  Responses: { '*': [1, 'map', 'ResponseValue'] },
  ResponseValue: { '': [1, 'one', 'Response'] },
  Response: { description: [1, 'text'], schema: [2, 'one', 'SchemaItem'] },
  SchemaItem: { '': [1, 'one', 'Schema'] },
  Schema: {
    $ref: [1, 'text'],
    format: [2, 'text'],
    title: [3, 'text'],
    description: [4, 'text'],
    default: [5, 'any'],
    multipleOf: [6, 'number'],
    maximum: [7, 'number'],
    exclusiveMaximum: [8, 'flag'],
    minimum: [9, 'number'],
    exclusiveMinimum: [10, 'flag'],
    maxLength: [11, 'integer'],
    minLength: [12, 'integer'],
    pattern: [13, 'text'],
    maxItems: [14, 'integer'],
    minItems: [15, 'integer'],
    uniqueItems: [16, 'flag'],
    maxProperties: [17, 'integer'],
    minProperties: [18, 'integer'],
    required: [19, 'texts'],
    enum: [20, 'anys'],
    additionalProperties: [21, 'one', 'AdditionalProperties'],
    type: [22, 'one', 'Type'],
    items: [23, 'one', 'SchemaItem'],
    properties: [25, 'one', 'Schemas'],
    example: [30, 'any'],
    'x-': [31, 'any'],
  },
  AdditionalProperties: { '': [1, 'one', 'Schema'] },
  AnyProperties: { '': [2, 'flag'] },
  Type: { '': [1, 'text'] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly [number, string, string?]>>>>;

/** The form in which clients in Go ask for it: `application/com.github.proto-openapi.spec.v2.v1.0+protobuf`. */
export function encodeSwagger(document: SwaggerDocument): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, 'Document', document);
  return writer.finish();
}

/** Bytes are written from the end to the front, so that each length is known when it is due. */
function writeMessage(writer: WireWriter, name: MessageName, value: unknown): void {
  const fields = messages[name] as Readonly<Record<string, Field>>;
  const only = name === 'Parameter' ? fields[String((value as { readonly in: unknown }).in)] : (fields[''] ?? fields['[]']);
  if (only !== undefined) writeField(writer, only, value);
  else for (const [key, one] of Object.entries(value as object).reverse()) writeMember(writer, fields, key, one);
}

function writeMember(writer: WireWriter, fields: Readonly<Record<string, Field>>, key: string, value: unknown): void {
  const { [key]: field, '*': named, 'x-': extension } = fields;
  if (field !== undefined) writeField(writer, field, value);
  else if (named !== undefined) writeNamed(writer, named[0], key, () => writeMessageOf(writer, named, value));
  else if (extension !== undefined && key.startsWith('x-')) writeNamed(writer, extension[0], key, () => writeAny(writer, 2, value));
}

/** A NamedX: `name` is 1, and `value`, which `write` writes, is 2. */
function writeNamed(writer: WireWriter, number: number, key: string, write: () => void): void {
  const before = writer.size;
  write();
  writeText(writer, 1, key);
  finishMessage(writer, number, before);
}

function writeMessageOf(writer: WireWriter, field: Field | undefined, value: unknown): void {
  const before = writer.size;
  if (field?.[2] !== undefined) writeMessage(writer, field[2], value);
  finishMessage(writer, 2, before);
}

function writeField(writer: WireWriter, [number, as, message]: Field, value: unknown): void {
  switch (as) {
    case 'text':
      writeText(writer, number, String(value));
      break;
    case 'texts':
      for (const one of (value as readonly string[]).toReversed()) writeText(writer, number, one);
      break;
    case 'flag':
      writer.bool(value === true);
      writer.tag(number, wire.varint);
      break;
    case 'integer':
      writer.integer(Number(value));
      writer.tag(number, wire.varint);
      break;
    case 'number':
      writer.float64(Number(value));
      writer.tag(number, wire.fixed64);
      break;
    case 'any':
      writeAny(writer, number, value);
      break;
    case 'anys':
      for (const one of (value as readonly unknown[]).toReversed()) writeAny(writer, number, one);
      break;
    case 'one':
    case 'many':
    case 'map':
      for (const one of as === 'many' ? (value as readonly unknown[]).toReversed() : [value]) {
        const before = writer.size;
        if (message !== undefined)
          writeMessage(writer, message === 'AdditionalProperties' && typeof one === 'boolean' ? 'AnyProperties' : message, one);
        finishMessage(writer, number, before);
      }
  }
}

/** `yaml` is 2; JSON is YAML. */
function writeAny(writer: WireWriter, number: number, value: unknown): void {
  const before = writer.size;
  writeText(writer, 2, JSON.stringify(value));
  finishMessage(writer, number, before);
}

function writeText(writer: WireWriter, number: number, text: string): void {
  writer.bytes(text);
  writer.tag(number, wire.bytes);
}

function finishMessage(writer: WireWriter, number: number, before: number): void {
  writer.prefix(before);
  writer.tag(number, wire.bytes);
}
