import { type Frozen, readJson, type Status, StatusError } from '@coracle/apimachinery';

/** The program ended with another code than 0 (k8s.io/client-go/util/exec CodeExitError). */
export class ExitCodeError extends Error {
  override readonly name = 'ExitCodeError';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`command terminated with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** What the error stream said at the end. Throws ExitCodeError, StatusError, or Error for what is neither. */
export function throwUnlessSuccess(protocol: string, text: Buffer): void {
  // Older protocols send words, and nothing on success.
  if (protocol !== 'v5.channel.k8s.io' && protocol !== 'v4.channel.k8s.io')
    throw new Error(`error executing remote command: ${text.toString()}`);
  let status: Frozen<Status>;
  try {
    status = readJson(text).value as Frozen<Status>; // its members are looked at one by one
  } catch (error) {
    throw new Error(`error stream protocol error: ${error instanceof Error ? error.message : String(error)} in "${text.toString()}"`, {
      cause: error,
    });
  }
  if (status.status === 'Success') return;
  if (status.status !== 'Failure') throw new Error('error stream protocol error: unknown error');
  if (String(status.reason) !== 'NonZeroExitCode') throw new StatusError(status as Status);
  if (status.details === undefined) throw new Error('error stream protocol error: details must be set');
  const code = status.details.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code === undefined) throw new Error('error stream protocol error: no ExitCode cause given');
  if (!/^\d{1,3}$/.test(code) || Number(code) > 255) throw new Error(`error stream protocol error: invalid exit code value "${code}"`);
  throw new ExitCodeError(Number(code));
}
