import { deepFreeze, type Frozen, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import type { Counter, Process } from '@coracle/kernel';
import { isPanic } from '../controller/reconcile.ts';
import type { HttpAnswer } from '../transport/http-server.ts';
import { isObject, jsonAnswer, readReview, type Webhook, type WebhookRequest } from './review.ts';

/** To the hub and back, for one version. Metadata is kept whatever they return, but labels and annotations. */
export interface Spoke {
  toHub(object: Frozen<KubeObject>): KubeObject | Frozen<KubeObject>;
  fromHub(object: Frozen<KubeObject>): KubeObject | Frozen<KubeObject>;
}

/** How the versions of a kind become one another: by way of one of them, the hub (pkg/conversion). */
export interface KindConversion {
  readonly group: string;
  readonly kind: string;
  /** A version; usually the one that is stored. */
  readonly hub: string;
  /** By version. A field that the other side does not have belongs into an annotation, or it is lost. */
  readonly spokes: Readonly<Record<string, Spoke>>;
}

const group = 'apiextensions.k8s.io';

/** A list may be long, and servers ask for all of it at once. */
const mostBytes = 128 * 1024 * 1024;

/** Answers ConversionReviews of CRDs (pkg/webhook/conversion). What is no review is 400, without a body, as upstream. */
export class ConversionWebhook implements Webhook {
  readonly mostBytes: number = mostBytes;
  readonly #process: Process;
  readonly #kinds = new Map<string, KindConversion>();
  readonly #panics: Counter;

  constructor(process: Process) {
    this.#process = process;
    this.#panics = process.metrics.counter({
      name: 'controller_runtime_conversion_webhook_panics_total',
      help: 'Conversions that threw because of a bug',
    });
    this.#panics.add(0);
  }

  /** Throws RangeError for a kind that is there, and for a hub that is a spoke. */
  add(conversion: KindConversion): void {
    const { kind, hub, spokes } = conversion;
    const key = `${kind}.${conversion.group}`;
    if (this.#kinds.has(key)) throw new RangeError(`Cannot add a conversion of "${key}": there is one`);
    if (Object.hasOwn(spokes, hub)) throw new RangeError(`Cannot add a conversion of "${key}": its hub "${hub}" is a spoke`);
    this.#kinds.set(key, conversion);
  }

  async answer({ body }: WebhookRequest): Promise<HttpAnswer> {
    if (body === undefined) return { status: 413, headers: {}, body: '' };
    let review: ReturnType<typeof readReview>;
    try {
      review = readReview(body);
    } catch (error) {
      this.#process.log.warn('A conversion request could not be read', { error: String(error) });
      return { status: 400, headers: {}, body: '' };
    }
    const { apiVersion = `${group}/v1`, kind = 'ConversionReview', request } = review;
    if (request === undefined) return { status: 400, headers: {}, body: '' };
    const { uid = '', desiredAPIVersion = '', objects = [] } = request as ConversionRequest; // checked one by one below
    return jsonAnswer({ kind, apiVersion, response: { uid, ...this.#converted(desiredAPIVersion, objects) } });
  }

  #converted(desired: string, objects: readonly unknown[]): object {
    try {
      const convertedObjects = objects.map((object) => this.#convert(object, desired));
      return { convertedObjects, result: { metadata: {}, status: 'Success' } };
    } catch (error) {
      if (isPanic(error)) this.#panics.add(1);
      this.#process.log.error('Failed to convert', {
        desired,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      const message = isPanic(error) ? 'internal error occurred during conversion' : error instanceof Error ? error.message : String(error);
      return { convertedObjects: [], result: { metadata: {}, status: 'Failure', message } };
    }
  }

  #convert(value: unknown, desired: string): object {
    if (!isObject(value) || !('metadata' in value) || !isObject(value.metadata)) throw new Error('Cannot convert what is no object');
    const object = deepFreeze(value as KubeObject); // it has metadata; the rest is up to the conversion
    const { apiVersion = '', kind = '' } = object as KubeObject; // frozen
    const from = parseGroupVersion(apiVersion);
    const to = parseGroupVersion(desired);
    const conversion = this.#kinds.get(`${kind}.${from.group}`);
    if (conversion === undefined) throw new Error(`Cannot convert "${kind}" of "${apiVersion}": there is no conversion of that kind`);
    if (from.group !== to.group) throw new Error(`Cannot convert "${kind}" of "${apiVersion}" to another group, "${desired}"`);
    if (from.version === to.version) throw new Error(`conversion is not allowed between same type "${kind}" of "${apiVersion}"`);
    const { hub } = conversion;
    const atHub =
      from.version === hub
        ? object
        : deepFreeze({ ...spokeOf(conversion, from.version).toHub(object), apiVersion: `${from.group}/${hub}` });
    const converted = to.version === hub ? atHub : spokeOf(conversion, to.version).fromHub(atHub as Frozen<KubeObject>);
    return { ...converted, apiVersion: desired, kind, metadata: keptMetadata(object, converted) };
  }
}

interface ConversionRequest {
  readonly uid?: string;
  readonly desiredAPIVersion?: string;
  readonly objects?: readonly unknown[];
}

function spokeOf({ group: of, kind, spokes }: KindConversion, version: string): Spoke {
  const spoke = Object.hasOwn(spokes, version) ? spokes[version] : undefined;
  if (spoke === undefined) throw new Error(`Cannot convert "${kind}" from or to "${of}/${version}": there is no such version`);
  return spoke;
}

/** Servers refuse a conversion that changes more of the metadata than labels and annotations. */
function keptMetadata(object: Frozen<KubeObject>, converted: KubeObject | Frozen<KubeObject>): object {
  const { labels: _labels, annotations: _annotations, ...kept } = object.metadata;
  const { labels, annotations } = (converted.metadata ?? {}) as KubeObject['metadata'];
  return { ...kept, ...(labels !== undefined && { labels }), ...(annotations !== undefined && { annotations }) };
}
