import { StatusError } from '@coracle/apimachinery';
import { ClusterDirectoryError } from '@coracle/cluster';
import {
  BootstrapError,
  DirectoryDamaged,
  DirectoryInUse,
  DirectoryNotOwned,
  DirectoryOfAnotherMember,
  DirectoryTooNew,
  DiskFull,
} from '@coracle/etcd';
import { ManifestError } from './manifest.ts';
import { StartError } from './raft/supervisor.ts';
import { SupervisorError } from './raft/supervisor-socket.ts';

/** Faults that a person can act on, in words; `undefined` for ours, whose stack is wanted. */
export function explain(error: unknown): string | undefined {
  if (error instanceof ClusterDirectoryError || error instanceof ManifestError || error instanceof StatusError) return error.message;
  if (faults.some((fault) => error instanceof fault)) return (error as Error).message; // each of them is one
  if (!(error instanceof Error) || !('code' in error) || !('port' in error)) return undefined;
  const port = String(error.port);
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} is in use; choose another with --port, or 0 for a free one`;
    case 'EACCES':
      return `port ${port} needs privileges; choose one above 1023 with --port, or 0 for a free one`;
    default:
      return undefined;
  }
}

const faults = [
  StartError,
  SupervisorError,
  BootstrapError,
  DirectoryDamaged,
  DirectoryInUse,
  DirectoryNotOwned,
  DirectoryOfAnotherMember,
  DirectoryTooNew,
  DiskFull,
];
