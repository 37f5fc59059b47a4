import type { Lifecycle, Probe, HTTPGetAction } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import { supported } from '../rules/names.ts';
import { nonNegative, portNumber, portOrName } from '../rules/numbers.ts';

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<NonNullable<Lifecycle['preStop']>, 'sleep'>;

export interface Probes {
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

/** Probes and lifecycle hooks of one container; `graceSeconds` bounds a sleep before the stop. */
export function validateProbes(field: string, { livenessProbe, readinessProbe, startupProbe }: Probes): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (livenessProbe !== undefined)
    faults.push(...validateProbe(`${field}.livenessProbe`, livenessProbe), ...succeedsOnce(`${field}.livenessProbe`, livenessProbe));
  if (readinessProbe !== undefined) {
    faults.push(...validateProbe(`${field}.readinessProbe`, readinessProbe));
    const { terminationGracePeriodSeconds: grace } = readinessProbe;
    if (grace !== undefined)
      faults.push(
        FieldError.invalid(`${field}.readinessProbe.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'),
      );
  }
  if (startupProbe !== undefined)
    faults.push(...validateProbe(`${field}.startupProbe`, startupProbe), ...succeedsOnce(`${field}.startupProbe`, startupProbe));
  return faults;
}

export function validateLifecycle(field: string, lifecycle: Lifecycle | undefined, graceSeconds: number): readonly FieldError[] {
  const { postStart, preStop } = lifecycle ?? {};
  return [
    ...(postStart === undefined ? [] : validateHandler(`${field}.postStart`, postStart, graceSeconds)),
    ...(preStop === undefined ? [] : validateHandler(`${field}.preStop`, preStop, graceSeconds)),
  ];
}

function validateProbe(field: string, probe: Probe): readonly FieldError[] {
  const faults = [...validateHandler(field, probe, 0)];
  for (const key of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    faults.push(...nonNegative(`${field}.${key}`, probe[key]));
  }
  const { terminationGracePeriodSeconds: grace } = probe;
  if (grace !== undefined && grace <= 0)
    faults.push(FieldError.invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  return faults;
}

function succeedsOnce(field: string, { successThreshold }: Probe): readonly FieldError[] {
  return successThreshold === undefined || successThreshold === 1
    ? []
    : [FieldError.invalid(`${field}.successThreshold`, successThreshold, 'must be 1')];
}

function validateHandler(field: string, { exec, httpGet, tcpSocket, grpc, sleep }: Handler, graceSeconds: number): readonly FieldError[] {
  const faults: FieldError[] = [];
  let handlers = 0;
  const another = (name: string, check: () => readonly FieldError[]): void => {
    if (++handlers > 1) faults.push(FieldError.forbidden(`${field}.${name}`, 'may not specify more than 1 handler type'));
    else faults.push(...check());
  };
  if (exec !== undefined) another('exec', () => ((exec.command ?? []).length === 0 ? [FieldError.required(`${field}.exec.command`)] : []));
  if (httpGet !== undefined) another('httpGet', () => validateHttpGet(`${field}.httpGet`, httpGet));
  if (tcpSocket !== undefined) another('tcpSocket', () => portOrName(`${field}.tcpSocket.port`, tcpSocket.port));
  if (grpc !== undefined) another('grpc', () => portNumber(`${field}.grpc.port`, grpc.port));
  if (sleep !== undefined) {
    another('sleep', () => {
      if (sleep.seconds >= 0 && sleep.seconds <= graceSeconds) return [];
      const text = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
      return [FieldError.invalid(`${field}.sleep`, sleep.seconds, text)];
    });
  }
  if (handlers === 0) faults.push(FieldError.required(field, 'must specify a handler type'));
  return faults;
}

function validateHttpGet(field: string, { path, port, scheme, httpHeaders = [] }: HTTPGetAction): readonly FieldError[] {
  const faults: FieldError[] = (path ?? '') === '' ? [FieldError.required(`${field}.path`)] : [];
  faults.push(...portOrName(`${field}.port`, port), ...supported(`${field}.scheme`, scheme, ['HTTP', 'HTTPS']));
  for (const { name } of httpHeaders) {
    if (/^[-A-Za-z0-9]+$/.test(name)) continue;
    const text =
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    faults.push(FieldError.invalid(`${field}.httpHeaders`, name, text));
  }
  return faults;
}
