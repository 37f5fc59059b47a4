/** Clusters that listen: what a program needs that only runs them. It loads the components when their turn comes. */
export { sharePki } from './share-pki.ts';
export { startCluster } from './start-cluster.ts';
export { programVersion } from './version.ts';
export { kubernetesVersion } from '@coracle/apiserver';
