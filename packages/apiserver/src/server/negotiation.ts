import { newStatusError, newUnsupportedMediaType, type WireHeaders } from '@coracle/apimachinery';

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf';

/** The form in which a client wants an answer (k8s.io/apiserver pkg/endpoints/handlers/negotiation). */
export interface Wanted {
  readonly mediaType: MediaType;
  /** A transformation of the object, in the group meta.k8s.io. */
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | 'APIGroupDiscoveryList';
  /** Of the transformation: v1, v1beta1, v2. */
  readonly version: string;
  readonly pretty: boolean;
}

const plain: Wanted = { mediaType: 'application/json', as: 'object', version: '', pretty: false };
const represented = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;

/**
 * The first form of the Accept header that can be served. Throws a 406 when there is none. Protobuf is offered only where
 * `protobuf` says that the kind has it.
 */
export function negotiate(
  headers: WireHeaders,
  options: { readonly protobuf: boolean; readonly pretty?: boolean } = { protobuf: false },
): Wanted {
  const accept = headers['accept'];
  const pretty = options.pretty === true;
  if (accept === undefined || accept === '' || accept === 'application/json') return pretty ? { ...plain, pretty } : plain;
  for (const { type, parameters } of parseAccept(accept)) {
    const mediaType = mediaTypeOf(type, options.protobuf);
    if (mediaType === undefined) continue;
    const as = transformation(parameters);
    if (as === undefined || (as !== 'object' && mediaType === 'application/vnd.kubernetes.protobuf')) continue;
    return { mediaType, as, version: parameters.get('v') ?? '', pretty: pretty || parameters.get('pretty') === '1' };
  }
  throw notAcceptable(represented);
}

export function notAcceptable(offered: readonly string[]): Error {
  return newStatusError(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${offered.join(', ')}`, {});
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Clauses in order of preference; among equals as they were written. */
function parseAccept(header: string): readonly Clause[] {
  const clauses = header.split(',').map((text): Clause => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters = new Map(rest.map((part) => splitPair(part)));
    const quality = Number(parameters.get('q') ?? '1');
    return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 };
  });
  return clauses.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
}

function splitPair(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

function mediaTypeOf(type: string, protobuf: boolean): MediaType | undefined {
  switch (type) {
    case '*/*':
    case 'application/*':
    case 'application/json':
      return 'application/json';
    case 'application/yaml':
      return type;
    case 'application/vnd.kubernetes.protobuf':
      return protobuf ? type : undefined;
    default:
      return undefined;
  }
}

function transformation(parameters: ReadonlyMap<string, string>): Wanted['as'] | undefined {
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  const [group, version] = [parameters.get('g'), parameters.get('v')];
  if (as === 'APIGroupDiscoveryList') return group === 'apidiscovery.k8s.io' && version === 'v2' ? as : undefined;
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  return as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? as : undefined;
}

/** The media type of a body. Throws a 415 for what no body is read from. */
export function bodyMediaType(contentType: string): MediaType {
  if (contentType === 'application/json') return contentType;
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === '' || type === 'application/json') return 'application/json';
  if (type === 'application/yaml' || type === 'application/vnd.kubernetes.protobuf') return type;
  throw newUnsupportedMediaType(represented);
}
