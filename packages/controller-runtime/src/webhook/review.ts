import { JsonSyntaxError, readJson, writeJson } from '@coracle/apimachinery';
import type { HttpAnswer } from '../transport/http-server.ts';

/** A request to a webhook. */
export interface WebhookRequest {
  readonly contentType: string;
  /** Undefined: longer than the webhook's limit. */
  readonly body: Uint8Array | undefined;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** What a webhook server serves at a path. */
export interface Webhook {
  /** Longer bodies are not read. */
  readonly mostBytes: number;
  /** Does not throw. */
  answer(request: WebhookRequest): Promise<HttpAnswer>;
}

/** The envelope of every question: `request` is what is asked. */
export interface Review {
  readonly apiVersion: string | undefined;
  readonly kind: string | undefined;
  readonly request: object | undefined;
}

/** Reads a review. Throws Error for what is no JSON object. Integers beyond 2^53 are bigints, so that they come back as they were. */
export function readReview(body: Uint8Array): Review {
  let value: unknown;
  try {
    ({ value } = readJson(body, { bigints: true }));
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      throw new Error(`couldn't get version/kind; json parse error: ${error.message}`, { cause: error });
    throw error;
  }
  if (!isObject(value)) throw new Error("couldn't get version/kind; json parse error: the body is no object");
  const { apiVersion, kind, request } = value as Readonly<Record<string, unknown>>;
  return {
    apiVersion: typeof apiVersion === 'string' ? apiVersion : undefined,
    kind: typeof kind === 'string' ? kind : undefined,
    request: isObject(request) ? request : undefined,
  };
}

/** Whether it has members: no list, no null. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** 200 with `value` as JSON, ended by a new line as Go writes it. */
export function jsonAnswer(value: unknown): HttpAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: `${writeJson(value)}\n` };
}
