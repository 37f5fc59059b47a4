import { X509Certificate } from 'node:crypto';
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
/** A cluster that is started now and then must not be found with a certificate that has ended. */
const renewedBeforeMs = 90 * 24 * 3600 * 1000;
const authoritySubject: Subject = { commonName: 'kubernetes' };
const serverSubject: Subject = { commonName: 'kube-apiserver' };
const adminSubject: Subject = { commonName: 'kubernetes-admin', organizations: [mastersGroup] };
/** What the server's certificate is good for: loopback, and the names that pods know it by. */
const serverHosts = ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

interface Issue {
  readonly process: Process;
  readonly authorityKeys: KeyPair;
  readonly subject: Subject;
  readonly usage: 'ca' | 'server' | 'client';
  readonly keys: KeyPair;
  readonly years: number;
}

function issue({ process, authorityKeys, subject, usage, keys, years }: Issue): Credential {
  const nowMs = process.clock.now();
  const certificate = createCertificate({
    subject,
    keys,
    issuer: { subject: authoritySubject, keys: authorityKeys },
    serial: process.random.bytes(16),
    notBeforeMs: nowMs - skewMs,
    notAfterMs: nowMs + years * yearMs,
    usage,
    ...(usage === 'server' ? { hosts: serverHosts } : {}),
  });
  return { keys, certificate };
}

/** The authority's certificate is good for ten years, the others for one (as kubeadm's). */
export function createPki(process: Process, keySource: KeySource): Pki {
  const authorityKeys = keySource.keyPair();
  const from = { process, authorityKeys };
  return {
    authority: issue({ ...from, subject: authoritySubject, usage: 'ca', keys: authorityKeys, years: 10 }),
    server: issue({ ...from, subject: serverSubject, usage: 'server', keys: keySource.keyPair(), years: 1 }),
    admin: issue({ ...from, subject: adminSubject, usage: 'client', keys: keySource.keyPair(), years: 1 }),
    serviceAccountKeys: keySource.keyPair(),
  };
}

/** `pki` with certificates of the same keys and authority in place of those that end soon; `pki` itself when none does. */
export function renewedPki(process: Process, pki: Pki): Pki {
  const lastsMs = ({ certificate }: Credential): number => Date.parse(new X509Certificate(certificate).validTo) - process.clock.now();
  const from = { process, authorityKeys: pki.authority.keys, years: 1 };
  const server =
    lastsMs(pki.server) < renewedBeforeMs ? issue({ ...from, subject: serverSubject, usage: 'server', keys: pki.server.keys }) : pki.server;
  const admin =
    lastsMs(pki.admin) < renewedBeforeMs ? issue({ ...from, subject: adminSubject, usage: 'client', keys: pki.admin.keys }) : pki.admin;
  return server === pki.server && admin === pki.admin ? pki : { ...pki, server, admin };
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
