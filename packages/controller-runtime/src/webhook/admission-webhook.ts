import { deepFreeze, type Frozen, writeJson } from '@coracle/apimachinery';
import type { Counter, Process } from '@coracle/kernel';
import type { HttpAnswer } from '../transport/http-server.ts';
import { type AdmissionAnswer, type AdmissionHandler, type AdmissionRequest, errored } from './admission.ts';
import { jsonAnswer, readReview, type Webhook, type WebhookRequest } from './review.ts';

const group = 'admission.k8s.io';
const versions: ReadonlySet<string> = new Set([`${group}/v1`, `${group}/v1beta1`]);

/** Two objects of 3 MiB, the most that a server takes, and 1 MiB for the rest. */
const mostBytes = 7 * 1024 * 1024;

/**
 * Answers AdmissionReviews with a handler (pkg/webhook/admission http.go). A request that is no review is answered as upstream does: with
 * HTTP 200 and a review that refuses with code 400, or 413.
 */
export class AdmissionWebhook implements Webhook {
  readonly mostBytes: number = mostBytes;
  readonly #process: Process;
  readonly #handler: AdmissionHandler;
  readonly #panics: Counter;

  constructor(process: Process, handler: AdmissionHandler) {
    this.#process = process;
    this.#handler = handler;
    this.#panics = process.metrics.counter({
      name: 'controller_runtime_webhook_panics_total',
      help: 'Admission requests whose handler threw',
    });
    this.#panics.add(0);
  }

  async answer({ contentType, body, signal }: WebhookRequest): Promise<HttpAnswer> {
    if (body?.length === 0) return this.#refusal(400, 'request body is empty');
    // Upstream, too, refuses a body of exactly the limit.
    if (body === undefined || body.length >= mostBytes)
      return this.#refusal(413, `request entity is too large; limit is ${mostBytes} bytes`);
    if (contentType !== 'application/json') return this.#refusal(400, `contentType=${contentType}, expected application/json`);
    let review: ReturnType<typeof readReview>;
    try {
      review = readReview(body);
    } catch (error) {
      return this.#refusal(400, error instanceof Error ? error.message : String(error));
    }
    const { apiVersion = `${group}/v1`, kind = 'AdmissionReview', request } = review;
    if (!versions.has(apiVersion) || kind !== 'AdmissionReview') {
      return this.#refusal(400, `Cannot answer kind "${kind}" of "${apiVersion}": it is no AdmissionReview`);
    }
    if (request === undefined) return this.#refusal(400, 'the review has no request');
    const asked = deepFreeze(request as AdmissionRequest); // what else it may be, the handler finds out
    return jsonAnswer({ kind, apiVersion, response: completed(asked.uid, await this.#handle(asked, signal)) });
  }

  async #handle(request: Frozen<AdmissionRequest>, signal: AbortSignal): Promise<AdmissionAnswer> {
    const warnings: string[] = [];
    const { log } = this.#process;
    try {
      const answer = await this.#handler({ request, signal, log, warn: (text) => warnings.push(text) });
      return warnings.length === 0 ? answer : { ...answer, warnings: [...(answer.warnings ?? []), ...warnings] };
    } catch (error) {
      this.#panics.add(1);
      const text = error instanceof Error ? error.message : String(error);
      log.error('An admission handler threw', { requestID: request.uid, error: error instanceof Error ? (error.stack ?? text) : text });
      return { ...errored(500, `panic: ${text} [recovered]`), warnings };
    }
  }

  /** Upstream names no kind where none was read. */
  #refusal(code: number, message: string): HttpAnswer {
    this.#process.log.warn('An admission request could not be read', { code, message });
    return jsonAnswer({ response: completed('', errored(code, message)) });
  }
}

/** As the wire has it: with the question's uid, a code, and the patch in base64. */
function completed(uid: string, { allowed, status, patches = [], warnings = [], auditAnnotations }: AdmissionAnswer): object {
  return {
    uid,
    allowed,
    status: { metadata: {}, code: 200, ...status },
    ...(patches.length > 0 && { patch: Buffer.from(writeJson(patches)).toString('base64'), patchType: 'JSONPatch' }),
    ...(warnings.length > 0 && { warnings }),
    ...(auditAnnotations !== undefined && { auditAnnotations }),
  };
}
