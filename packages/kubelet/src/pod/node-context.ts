import type { Clientset, EventRecorder } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import type { Volume } from '../container/file-system.ts';
import type { ProgramRegistry } from '../container/images.ts';
import type { Network } from '../network/network.ts';
import type { Disks } from '../node/disks.ts';
import type { ReferencedObjects } from './referenced-objects.ts';

/** What the pods of a node share. */
export interface NodeContext {
  readonly process: Process;
  readonly clientset: Clientset;
  readonly nodeName: string;
  readonly hostIP: string;
  readonly network: Network;
  readonly programs: ProgramRegistry;
  readonly disks: Disks;
  readonly recorder: EventRecorder;
  readonly objects: ReferencedObjects;
  readonly allocatable: Readonly<Record<string, string>>;
  /** Names of the images that are on the node. */
  readonly images: Set<string>;
  /** Directories of the node that hostPath volumes mount, by path. */
  readonly hostPaths: Map<string, Volume>;
}
