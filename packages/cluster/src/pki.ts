import { createCertificate, type KeyPair, type KeySource, mastersGroup, type Subject } from '@coracle/apiserver';
import type { Process } from '@coracle/kernel';

/** A certificate and its key, PEM. */
export interface Credential {
  readonly certificate: string;
  readonly keys: KeyPair;
}

/** What a cluster proves itself with. All of it is made at its first start. */
export interface Pki {
  readonly authority: Credential;
  readonly server: Credential;
  /** A member of system:masters. */
  readonly admin: Credential;
  /** Signs the tokens of service accounts. */
  readonly serviceAccountKeys: KeyPair;
}

const yearMs = 365 * 24 * 3600 * 1000;
/** Clocks of clients may be behind. */
const skewMs = 5 * 60 * 1000;
const authoritySubject: Subject = { commonName: 'kubernetes' };

export function createPki(process: Process, keySource: KeySource, hosts: readonly string[]): Pki {
  const nowMs = process.clock.now();
  const authorityKeys = keySource.keyPair();
  const issue = (subject: Subject, usage: 'ca' | 'server' | 'client', keys: KeyPair, years: number): Credential => ({
    keys,
    certificate: createCertificate({
      subject,
      keys,
      issuer: { subject: authoritySubject, keys: authorityKeys },
      serial: process.random.bytes(16),
      notBeforeMs: nowMs - skewMs,
      notAfterMs: nowMs + years * yearMs,
      usage,
      ...(usage === 'server' ? { hosts } : {}),
    }),
  });
  return {
    authority: issue(authoritySubject, 'ca', authorityKeys, 10),
    server: issue({ commonName: 'kube-apiserver' }, 'server', keySource.keyPair(), 1),
    admin: issue({ commonName: 'kubernetes-admin', organizations: [mastersGroup] }, 'client', keySource.keyPair(), 1),
    serviceAccountKeys: keySource.keyPair(),
  };
}

/** A kubeconfig for the administrator. */
export function kubeconfigOf(pki: Pki, server: string, name: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${name}`,
    'clusters:',
    `- name: ${name}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${base64(pki.authority.certificate)}`,
    'users:',
    `- name: ${name}-admin`,
    '  user:',
    `    client-certificate-data: ${base64(pki.admin.certificate)}`,
    `    client-key-data: ${base64(pki.admin.keys.privateKey)}`,
    'contexts:',
    `- name: ${name}`,
    '  context:',
    `    cluster: ${name}`,
    `    user: ${name}-admin`,
    '',
  ].join('\n');
}
