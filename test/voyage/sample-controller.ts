import type { UserInfo } from '@coracle/apiserver';
import { type Clientset, SharedInformerFactory } from '@coracle/client';
import type { Component } from '@coracle/cluster';
import type { Process } from '@coracle/kernel';
import { SampleController } from 'sample-controller';

const user: UserInfo = {
  name: 'system:serviceaccount:default:sample-controller',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:default'],
};

/** Runs until the process stops. */
export async function runSampleController({
  process,
  clientset,
}: {
  readonly process: Process;
  readonly clientset: Clientset;
}): Promise<void> {
  const kubeInformers = new SharedInformerFactory(clientset);
  const fooInformers = new SharedInformerFactory(clientset);
  const controller = new SampleController({ process, clientset, kubeInformers, fooInformers });
  kubeInformers.start();
  fooInformers.start();
  await controller.run(process.signal);
}

/** As a part of a cluster in this process, under its own account. */
export const sampleController: Component = { name: 'sample-controller', user, run: runSampleController };
