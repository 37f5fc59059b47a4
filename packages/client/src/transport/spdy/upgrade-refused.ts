import { StatusError, TransportError } from '@coracle/apimachinery';

/**
 * The server answered, and does not speak the protocol that was asked for or refuses the caller, which cannot be told apart: another
 * protocol may do (k8s.io/streaming httpstream IsUpgradeFailure).
 */
export function isUpgradeRefused(error: unknown): error is TransportError {
  return error instanceof TransportError && (error.cause instanceof StatusError || error.message.startsWith('Cannot upgrade '));
}
