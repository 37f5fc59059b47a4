import {
  type Frozen,
  type GroupVersionKind,
  type GroupVersionResource,
  type KubeObject,
  type Status,
  StatusError,
} from '@coracle/apimachinery';
import type { Logger } from '@coracle/kernel';
import { isPanic } from '../controller/reconcile.ts';
import { type JsonPatchOperation, jsonPatchBetween } from './json-patch-between.ts';

/** What an API server asks (k8s.io/api admission/v1 AdmissionRequest). */
export interface AdmissionRequest {
  /** Of this question; the answer repeats it. */
  readonly uid: string;
  /** Of `object`, in the version that the webhook is registered for. */
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly subResource?: string;
  /** As the client asked, where that is another version. */
  readonly requestKind?: GroupVersionKind;
  readonly requestResource?: GroupVersionResource;
  readonly requestSubResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly userInfo: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  /** Absent for DELETE. */
  readonly object?: KubeObject | null;
  /** For UPDATE and DELETE: as it is stored. */
  readonly oldObject?: KubeObject | null;
  /** The handler must then have no side effects. */
  readonly dryRun?: boolean;
  readonly options?: unknown;
}

/** What a handler answers; uid and encoding are added. */
export interface AdmissionAnswer {
  readonly allowed: boolean;
  /** What the client is told. Default: code 200 when allowed. */
  readonly status?: Partial<Status>;
  /** Changes of the object; of a mutating webhook only. */
  readonly patches?: readonly JsonPatchOperation[];
  /** Shown to the user; servers cut them at 256 characters, and ignore more than 4,096 in all. */
  readonly warnings?: readonly string[];
  /** Added to the audit log, under the webhook's name. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

/** What a handler of admission is given. */
export interface AdmissionContext {
  readonly request: Frozen<AdmissionRequest>;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Shows the user `text`, whatever becomes of the request. */
  warn(text: string): void;
}

/** Decides about a request (admission.Handler). What it throws is an answer with code 500. */
export type AdmissionHandler = (context: AdmissionContext) => Promise<AdmissionAnswer> | AdmissionAnswer;

/** Lets the request through as it is (admission.Allowed). */
export function allowed(message = ''): AdmissionAnswer {
  return { allowed: true, status: { code: 200, ...(message !== '' && { message }) } };
}

/** Refuses it: the client gets 403 with `message` (admission.Denied). */
export function denied(message: string): AdmissionAnswer {
  return { allowed: false, status: { code: 403, reason: 'Forbidden', message } };
}

/** Could not decide: the client gets `code` (admission.Errored). */
export function errored(code: number, message: string): AdmissionAnswer {
  return { allowed: false, status: { code, message } };
}

/** Lets `after` through in place of `before`; without a patch where nothing differs (admission.PatchResponseFromRaw). */
export function patched(before: unknown, after: unknown): AdmissionAnswer {
  const patches = jsonPatchBetween(before, after);
  return patches.length === 0 ? { allowed: true } : { allowed: true, patches };
}

/**
 * Checks of one kind of objects (admission.Validator). A throw refuses: a StatusError with its own status, another error with 403 and
 * its message. A bug (`isPanic`) is 500. What is absent lets everything through.
 */
export interface Validator<T> {
  create?(object: Frozen<T>, context: AdmissionContext): void | Promise<void>;
  update?(old: Frozen<T>, object: Frozen<T>, context: AdmissionContext): void | Promise<void>;
  delete?(old: Frozen<T>, context: AdmissionContext): void | Promise<void>;
}

/** A handler that refuses what `validator` throws at. */
export function validating<T extends KubeObject>(validator: Validator<T>): AdmissionHandler {
  return async (context) => {
    const { operation, object, oldObject } = context.request as AdmissionRequest; // frozen, as it came
    switch (operation) {
      case 'CONNECT':
        return allowed();
      case 'CREATE':
        if (isAbsent(object)) return nothingToDecode;
        return refusing(() => validator.create?.(object as Frozen<T>, context));
      case 'UPDATE':
        if (isAbsent(object) || isAbsent(oldObject)) return nothingToDecode;
        return refusing(() => validator.update?.(oldObject as Frozen<T>, object as Frozen<T>, context));
      case 'DELETE':
        if (isAbsent(oldObject)) return nothingToDecode;
        return refusing(() => validator.delete?.(oldObject as Frozen<T>, context));
      default:
        return errored(400, `unknown operation "${String(operation)}"`);
    }
  };
}

/** A handler that lets through what `mutate` makes of the object, and nothing of a DELETE (admission.Defaulter). Throws as of `Validator`. */
export function mutating<T extends KubeObject>(
  mutate: (object: Frozen<T>, context: AdmissionContext) => T | Frozen<T> | Promise<T | Frozen<T>>,
): AdmissionHandler {
  return async (context) => {
    const { operation, object } = context.request as AdmissionRequest; // frozen, as it came
    if (operation === 'DELETE') return allowed();
    if (isAbsent(object)) return nothingToDecode;
    let changed: T | Frozen<T> | undefined;
    const refusal = await refusing(async () => {
      changed = await mutate(object as Frozen<T>, context); // what the webhook is registered for
    });
    return refusal.allowed ? patched(object, changed) : refusal;
  };
}

const nothingToDecode = errored(400, 'there is no content to decode');

function isAbsent(object: unknown): object is null | undefined {
  return object === undefined || object === null;
}

async function refusing(check: () => void | Promise<void>): Promise<AdmissionAnswer> {
  try {
    await check();
  } catch (error) {
    if (isPanic(error)) throw error;
    if (error instanceof StatusError) return { allowed: false, status: error.status };
    return denied(error instanceof Error ? error.message : String(error));
  }
  return allowed();
}
